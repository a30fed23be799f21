import { text } from 'node:stream/consumers';
import { platformaticClient } from '../../kafka/platformatic.ts';
import { type BareRead, readBare } from './bare-read.ts';

/*
 * A bare reader in a process of its own that has done nothing before, as a member has that was just started. Gets on stdin what to read, and
 * writes the ms that it took from when it is connected.
 */

const { brokers, ranges } = JSON.parse(await text(process.stdin)) as BareRead;
const kafka = platformaticClient({ brokers, clientId: 'bare' });
const admin = kafka.admin();
await admin.offsets(ranges[0]?.topic ?? '');
console.log(await readBare(kafka, ranges));
await admin.close();
