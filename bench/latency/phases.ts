import { Agent, request } from 'node:http';
import { setTimeout as pause } from 'node:timers/promises';
import { type AvroCodec, envelope, newCorrelationId } from '../../avro/index.ts';
import { createBatchingPublisher } from '../../gateway/index.ts';
import type { KafkaClient } from '../../kafka/client.ts';
import { partitionOf } from '../../kafka/partitioner.ts';
import type { TopicNames } from '../../kafka/topic-names.ts';
import { openLoop } from './open-loop.ts';
import { Latencies, type Percentiles } from './summary.ts';
import type { TopicTail } from './topic-tail.ts';

export interface Load {
  readonly rate: number;
  /** Measured; those of the warm-up come before. */
  readonly count: number;
  readonly warmUp: number;
}

/** A run whose events are not all there, once and in order, says nothing about speed. */
export class VoidRunError extends Error {
  override readonly name = 'VoidRunError';
  readonly code = 'VOID_RUN';
}

const ORDER = {
  strategyId: 'bench',
  base: 'WETH',
  quote: 'USDC',
  amount_in: '0.1',
  notional_usd: '300',
  max_slippage: '0.01',
};
const ARRIVAL_LIMIT_MS = 30_000;

interface Started {
  readonly correlationId: string;
  readonly dueAt: number;
  readonly answeredAt: number;
}

export interface PhaseResult {
  /** From the moment an intent was due to its plan.created (twin: its third output) in the benchmark's hands. */
  readonly toPlan: Percentiles;
  /** From due to the 202, or to the acknowledgement of the record. */
  readonly toAnswer: Percentiles;
  /** From that answer to plan.created. */
  readonly fromAnswer: Percentiles;
}

/** POST /intents at a fixed rate over kept connections. */
export async function httpPhase(url: string, load: Load, tail: TopicTail): Promise<PhaseResult> {
  const agent = new Agent({ keepAlive: true, maxSockets: 64 });
  const body = Buffer.from(JSON.stringify(ORDER));
  try {
    const started = await run(load, async () => newCorrelationId(await post(url, agent, body)));
    return await judge(started, load, tail, [
      'intent.submitted',
      'risk.approved',
      'intent.accepted',
      'plan.created',
    ]);
  } finally {
    agent.destroy();
  }
}

/** The same events put on `topic` directly, gathered as the gateway gathers them. */
export async function directPhase(
  options: {
    readonly kafka: KafkaClient;
    readonly codec: AvroCodec;
    readonly names: TopicNames;
    readonly partitions: number;
  },
  load: Load,
  tail: TopicTail,
  expected: readonly string[],
): Promise<PhaseResult> {
  const { kafka, codec, names, partitions } = options;
  const producer = kafka.producer();
  const publisher = createBatchingPublisher({
    producer,
    codec,
    topicPrefix: names.prefix,
    partitions,
    partitionOf,
  });
  try {
    const started = await run(load, async () => {
      const intentId = crypto.randomUUID();
      const correlationId = newCorrelationId(intentId);
      const payload = { intentId, ...ORDER, priority: 5, metadata: null };
      await publisher.publish(
        envelope('intent.submitted', payload, { correlationId, sequence: 1, producer: 'bench' }),
      );
      return correlationId;
    });
    return await judge(started, load, tail, expected);
  } finally {
    await publisher.close();
    await producer.close().catch(() => undefined);
  }
}

async function run(
  { rate, count, warmUp }: Load,
  act: () => Promise<string>,
): Promise<readonly Started[]> {
  const work: Promise<Started>[] = [];
  await openLoop({ rate, count: count + warmUp }, (_index, dueAt) => {
    work.push(
      act().then((correlationId) => ({ correlationId, dueAt, answeredAt: performance.now() })),
    );
  });
  return (await Promise.all(work)).slice(warmUp);
}

async function judge(
  started: readonly Started[],
  load: Load,
  tail: TopicTail,
  expected: readonly string[],
): Promise<PhaseResult> {
  const last = expected.at(-1);
  const deadline = performance.now() + ARRIVAL_LIMIT_MS;
  const arrived = ({ correlationId }: Started): boolean =>
    tail.of(correlationId).some(({ type }) => type === last);
  while (!started.every(arrived) && performance.now() < deadline) await pause(20);
  const [toPlan, toAnswer, fromAnswer] = [new Latencies(), new Latencies(), new Latencies()];
  for (const { correlationId, dueAt, answeredAt } of started) {
    const events = [...tail.of(correlationId)].sort(
      (left, right) => left.sequence - right.sequence,
    );
    const types = events.map(({ type }) => type);
    if (types.join() !== expected.join())
      throw new VoidRunError(
        `${correlationId} has ${types.join() || 'nothing'} on the topics, not ${expected.join()}: the run is void.`,
      );
    const readAt = events.at(-1)?.readAt ?? Number.NaN;
    toPlan.record(readAt - dueAt);
    toAnswer.record(answeredAt - dueAt);
    fromAnswer.record(readAt - answeredAt);
  }
  if (started.length !== load.count)
    throw new VoidRunError(`${started.length} of ${load.count} were sent: the run is void.`);
  return {
    toPlan: toPlan.percentiles,
    toAnswer: toAnswer.percentiles,
    fromAnswer: fromAnswer.percentiles,
  };
}

function post(url: string, agent: Agent, body: Buffer): Promise<string> {
  return new Promise((resolve, reject) => {
    const headers = { 'content-type': 'application/json', 'content-length': body.byteLength };
    const sent = request(`${url}/intents`, { method: 'POST', agent, headers }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('error', reject);
      response.on('end', () => {
        const text = Buffer.concat(chunks).toString();
        if (response.statusCode === 202)
          resolve((JSON.parse(text) as { intent_id: string }).intent_id);
        else reject(new VoidRunError(`POST /intents answered ${response.statusCode}: ${text}`));
      });
    });
    sent.on('error', reject);
    sent.end(body);
  });
}
