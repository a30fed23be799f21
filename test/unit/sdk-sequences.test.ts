import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { KafkaClient, RecordToSend } from '../../kafka/client.ts';
import { Courier } from '../../sdk/typescript/src/courier.ts';
import { entryOf, eventOf, NO_OPTIONS } from '../../sdk/typescript/src/event-builder.ts';
import { Outbox } from '../../sdk/typescript/src/outbox.ts';
import { ProducerHome } from '../../sdk/typescript/src/producer-home.ts';
import emits from '../../sdk/vectors/emits.json' with { type: 'json' };
import sequences from '../../sdk/vectors/sequences.json' with { type: 'json' };

/** Knows every schema. */
let registry: Server;
let sent: RecordToSend[];
/** Requests that are not acknowledged, before one is. */
let refusals: number;
beforeEach(async () => {
  [sent, refusals] = [[], 0];
  registry = createServer((_, response) => response.writeHead(200).end('{"id":7}'));
  await new Promise<void>((resolve) => registry.listen(0, '127.0.0.1', resolve));
});
afterEach(() => {
  registry.closeAllConnections();
  registry.close();
});

/** A broker that takes what it is sent, or says that it did not. */
const client = {
  admin: () => ({
    offsets: async () => Array.from({ length: sequences.partitions }, () => ({ start: 0, end: 0 })),
    close: async () => {},
  }),
  producer: () => ({
    send: async (records: readonly RecordToSend[]) => {
      const result = refusals-- > 0 ? 'unknown' : 'confirmed';
      sent.push(...records);
      return records.map(({ topic, partition }) => ({
        topic,
        partition,
        result,
        code: 'TIMED_OUT',
      }));
    },
    close: async () => {},
  }),
} as unknown as KafkaClient;

function open() {
  const home = ProducerHome.open(null, 'epp.bot1');
  const limits = { limitBytes: 1e6, windowBytes: 1e6, blockMs: 1_000 };
  const outbox = new Outbox({ spool: null, whenFull: 'block', next: 0, ...limits });
  const { port } = registry.address() as AddressInfo;
  const courier = new Courier({
    client,
    registryUrl: `http://127.0.0.1:${port}`,
    topicPrefix: '',
    outbox,
    state: home.state,
    renewed: (partitions) => home.renewed(partitions),
    onProgress: (state) => home.progressed(state),
  });
  courier.start();
  return { outbox, courier };
}

/** Emits one event of each chain, and waits until they are acknowledged. */
async function emit(outbox: Outbox, keys: readonly string[]): Promise<void> {
  for (const key of keys) {
    const upstream = { event_id: key, correlation_id: key };
    const payload = { state: 'running' };
    const call = { type: 'state_snapshot', payload, options: NO_OPTIONS, upstream } as const;
    const event = eventOf(emits.identity, call);
    outbox.put(event, entryOf(event, undefined), null, () => {});
  }
  expect(await outbox.drained(10_000)).toBe(true);
}

const places = (records: readonly RecordToSend[]) =>
  records
    .filter(({ topic }) => topic === 'orders')
    .map(({ key, partition, headers }) => {
      const sequence = Number(headers['producer_sequence']);
      return { key: key?.toString(), partition, sequence };
    });

it('K-05 S-42 J7a the TypeScript SDK numbers what it sends by partition, over several requests', async () => {
  const { outbox, courier } = open();
  const keys = sequences.given.map(({ key }) => key);
  await emit(outbox, keys.slice(0, 4));
  await emit(outbox, keys.slice(4));
  expect(places(sent)).toEqual(sequences.given);
  await courier.close(() => new Error('closed') as never);
});

it('J7a the TypeScript SDK sends again under the numbers it gave', async () => {
  const { outbox, courier } = open();
  refusals = 2;
  const keys = sequences.given.map(({ key }) => key);
  await emit(outbox, keys);
  expect(places(sent)).toEqual([...sequences.given, ...sequences.given, ...sequences.given]);
  await courier.close(() => new Error('closed') as never);
});
