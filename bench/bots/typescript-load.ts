import { type MessageToProduce, Producer } from '@platformatic/kafka';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { EventEncoder } from '../../sdk/typescript/src/event-encoder.ts';
import { eventOf } from '../../sdk/typescript/src/event-builder.ts';
import { BotProducer } from '../../sdk/typescript/src/index.ts';
import { headersOf, keyOf, partitionOfKey } from '../../sdk/typescript/src/record.ts';
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
  const payloads = Array.from({ length: load.count }, (_, index) => payloadOf(index));
  const emit = async (from: number, to: number): Promise<void> => {
    for (let at = from; at < to; at += TOGETHER) {
      const upTo = Math.min(to, at + TOGETHER);
      const some = Array.from({ length: upTo - at }, (_, index) =>
        bot.emit.nowait(EVENT_TYPE, payloads[at + index] ?? payloadOf(0)),
      );
      await Promise.all(some);
    }
    await bot.flush();
  };
  const warm = Math.floor(load.count * WARM_UP);
  await emit(0, warm);
  const took = await timed(() => emit(warm, load.count));
  const micros: number[] = [];
  for (let index = 0; index < TIMED; index++) {
    const before = performance.now();
    await bot.emit.nowait(EVENT_TYPE, payloadOf(index));
    micros.push((performance.now() - before) * 1000);
  }
  await bot.close();
  await rm(spoolFolder, { recursive: true });
  return { ...rates(took, load.count - warm), sent: load.count + TIMED, micros };
}

async function raw(load: Load): Promise<LoadResult> {
  const producer = new Producer({
    clientId: 'bench-raw',
    bootstrapBrokers: [load.broker],
    autocreateTopics: false,
  });
  const encoder = new EventEncoder(() => 1);
  const messages = Array.from({ length: load.count }, (_, index): MessageToProduce => {
    const call = { type: EVENT_TYPE, payload: payloadOf(index), options: {}, upstream: null };
    const event = eventOf(IDENTITY, call);
    const key = keyOf(event);
    const own = 'bench.bench-1/7388289024000123';
    return {
      topic: `${load.prefix}orders`,
      partition: partitionOfKey(key, load.partitions),
      key: Buffer.from(key),
      value: encoder.encode(event, undefined),
      headers: new Map(
        Object.entries(headersOf(event, own, index, undefined)).map(
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
  const took = await timed(() => send(warm, load.count));
  await producer.close();
  return { ...rates(took, load.count - warm), sent: load.count, micros: [] };
}

interface Took {
  readonly seconds: number;
  readonly cpuMicros: number;
}

async function timed(work: () => Promise<void>): Promise<Took> {
  const cpu = process.cpuUsage();
  const startedAt = performance.now();
  await work();
  const seconds = (performance.now() - startedAt) / 1000;
  const { user, system } = process.cpuUsage(cpu);
  return { seconds, cpuMicros: user + system };
}

function rates({ seconds, cpuMicros }: Took, count: number) {
  return { perSecond: count / seconds, cpuMicrosEach: cpuMicros / count };
}

const load = JSON.parse(process.argv[2] ?? '{}') as Load;
const result = await (load.what === 'sdk' ? sdk(load) : raw(load));
process.stdout.write(`${JSON.stringify(result)}\n`);
