import { clientUnderTest } from '../support/client-under-test.ts';

/*
 * A process that opens one of everything on a broker, uses it, closes it and then has nothing more to do. It says
 * `closed` and must end by itself: node <this file> <broker> <topic> <leave | stay>. The broker may be away.
 */

const [broker = '', topic = '', how] = process.argv.slice(2);
const kafka = clientUnderTest({
  brokers: [broker],
  clientId: 'process',
  requestTimeoutMs: 5_000,
});
const [producer, reader, admin] = [kafka.producer(), kafka.reader(), kafka.admin()];
const place = { topic, partition: 0 };

const assigned = Promise.withResolvers<void>();
const member = kafka.joinGroup({
  groupId: topic,
  topic,
  instanceId: topic,
  sessionTimeoutMs: 10_000,
  // A timer of this would hold the process for longer than the test waits.
  heartbeatIntervalMs: 5_000,
  onAssigned: async () => assigned.resolve(),
  onRevoked: () => Promise.resolve(),
  onFenced: () => {},
});
const [sent] = await producer.send([{ ...place, key: null, value: Buffer.from('x'), headers: {} }]);
const isThere = sent?.result === 'confirmed';
if (isThere) await assigned.promise;
await reader.fetch([{ ...place, offset: 0 }], { maxWaitMs: 100 }).catch(() => {});
const poll = reader.fetch([{ ...place, offset: 1 }], { maxWaitMs: 2_000 }).catch(() => {});
await admin.ping(500).catch(() => {});
await member.close(how === 'leave' ? 'leave' : 'stay');
await Promise.all([producer.close(), reader.close(), admin.close()]);
await poll;
process.stdout.write(isThere ? 'closed' : 'closed, never there');
