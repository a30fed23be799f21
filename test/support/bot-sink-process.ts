import { once } from 'node:events';
import { BotRig } from './bot-rig.ts';

/** A sink of bots in a process of its own, over the topics and the database of a test; runs until it is killed. */
const [prefix = '', databaseUrl = ''] = process.argv.slice(2);
const rig = await BotRig.join(prefix, databaseUrl);
rig.sink();
process.stdout.write('running\n');
await once(process, 'never');
