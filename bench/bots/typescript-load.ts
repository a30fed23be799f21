import { type MessageToProduce, Producer } from '@platformatic/kafka';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { AvroCodec, BOT_RECORDS } from '../../avro/index.ts';
import { RULES } from '../../sdk/typescript/src/contract.ts';
import { eventOf } from '../../sdk/typescript/src/event-builder.ts';
import { BotProducer } from '../../sdk/typescript/src/index.ts';
import { headersOf, keyOf, partitionOfKey, recordValue } from '../../sdk/typescript/src/record.ts';
import { EVENT_TYPE, IDENTITY, type Load, type LoadResult, payloadOf } from './load.ts';

/*
 * One side of the comparison in a process of its own: the SDK, or the bare client with records of the same bytes. The first
 * fifth is not counted: code is compiled and connections are made. bench/bots/python_load.py does the same.
 */

const WARM_UP = 0.2;
/** Events emitted before the loop waits for them to be buffered. */
const TOGETHER = 100;
/** Records of one call of the bare client, and calls under way. */
const RAW_BATCH = 1_000;
const RAW_IN_FLIGHT = 2;
/** Single calls whose time is taken. */
const TIMED = 2_000;

async function sdk(load: Load): Promise<LoadResult> {
  const spoolFolder = await mkdtemp(join(tmpdir(), 'millrace-bench-bot-'));
  const bot = await BotProducer.open({
    ...IDENTITY,
    brokers: [load.broker],
    registryUrl: load.registry,
    topicPrefix: load.prefix,
    spoolFolder,
  });
  const emit = async (from: number, to: number): Promise<void> => {
    for (let at = from; at < to; at += TOGETHER) {
      const upTo = Math.min(to, at + TOGETHER);
      const some = Array.from({ length: upTo - at }, (_, index) =>
        bot.emit.nowait(EVENT_TYPE, payloadOf(at + index)),
      );
      await Promise.all(some);
    }
    await bot.flush();
  };
  const warm = Math.floor(load.count * WARM_UP);
  await emit(0, warm);
  const startedAt = performance.now();
  await emit(warm, load.count);
  const seconds = (performance.now() - startedAt) / 1000;
  const micros: number[] = [];
  for (let index = 0; index < TIMED; index++) {
    const before = performance.now();
    await bot.emit.nowait(EVENT_TYPE, payloadOf(index));
    micros.push((performance.now() - before) * 1000);
  }
  await bot.close();
  await rm(spoolFolder, { recursive: true });
  return { perSecond: (load.count - warm) / seconds, sent: load.count + TIMED, micros };
}

async function raw(load: Load): Promise<LoadResult> {
  const producer = new Producer({
    clientId: 'bench-raw',
    bootstrapBrokers: [load.broker],
    autocreateTopics: false,
  });
  const codec = AvroCodec.offline({ subjects: BOT_RECORDS });
  const { record } = RULES.events[EVENT_TYPE] ?? { record: '' };
  const messages = Array.from({ length: load.count }, (_, index): MessageToProduce => {
    const call = { type: EVENT_TYPE, payload: payloadOf(index), options: {}, upstream: null };
    const event = eventOf(IDENTITY, call);
    const key = keyOf(event);
    const identity = { producerId: 'bench.raw', incarnation: 7_388_289_024_000_123 };
    return {
      topic: `${load.prefix}orders`,
      partition: partitionOfKey(key, load.partitions),
      key: Buffer.from(key),
      value: Buffer.from(codec.encode('orders', record, recordValue(event, undefined))),
      headers: new Map(
        Object.entries(headersOf(event, identity, index, undefined)).map(
          ([name, value]) => [Buffer.from(name), Buffer.from(value)] as const,
        ),
      ),
    } as never;
  });
  const send = async (from: number, to: number): Promise<void> => {
    let next = from;
    const lane = async (): Promise<void> => {
      while (next < to) {
        const batch = messages.slice(next, Math.min(to, (next += RAW_BATCH)));
        await producer.send({ messages: batch as never, acks: -1 });
      }
    };
    await Promise.all(Array.from({ length: RAW_IN_FLIGHT }, lane));
  };
  const warm = Math.floor(load.count * WARM_UP);
  await send(0, warm);
  const startedAt = performance.now();
  await send(warm, load.count);
  const seconds = (performance.now() - startedAt) / 1000;
  await producer.close();
  return { perSecond: (load.count - warm) / seconds, sent: load.count, micros: [] };
}

const load = JSON.parse(process.argv[2] ?? '{}') as Load;
const result = await (load.what === 'sdk' ? sdk(load) : raw(load));
process.stdout.write(`${JSON.stringify(result)}\n`);
