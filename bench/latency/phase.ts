import { setTimeout as pause } from 'node:timers/promises';
import type { EventRecord } from '../../engine/event.ts';
import type { FetchedRecord, KafkaClient } from '../../kafka/client.ts';
import { checkChains, type LoggedEvent, readLog, VoidRunError } from './audit.ts';
import type { Intake } from './intake.ts';
import { openLoop } from './open-loop.ts';
import { endsOf, type TopicTail } from './topic-tail.ts';

export interface Load {
  /** Intents a second. */
  readonly rate: number;
  /** Measured; those of the warm-up come before. */
  readonly count: number;
  readonly warmUp: number;
}

/** One intent that was timed. Units: ms of performance.now(); takenAt is the task's clock on the same scale. */
export interface Sample {
  readonly dueAt: number;
  readonly startedAt: number;
  /** The 202, or the acknowledgement of the record. */
  readonly answeredAt: number;
  /** When the task took the intent (`occurred_at` of what it said first); null for the raw twin. */
  readonly takenAt: number | null;
  /** plan.created in the hands of the benchmark. */
  readonly readAt: number;
}

export interface PhaseOptions<Reading> {
  readonly kafka: KafkaClient;
  readonly intake: Intake;
  /** Of the topic with the plans; opened before. */
  readonly tail: TopicTail;
  /** Physical names of all topics that the chain stands on. */
  readonly topics: readonly string[];
  /** Null where the values are not the events' own. */
  readonly decode: ((record: FetchedRecord) => EventRecord) | null;
  readonly load: Load;
  /** Taken while nothing is under way: after the warm-up, and at the end. */
  readonly observe: () => Promise<Reading>;
}

export interface Phase<Reading> {
  readonly samples: readonly Sample[];
  readonly before: Reading;
  readonly after: Reading;
}

interface Sent {
  readonly correlationId: string;
  readonly dueAt: number;
  readonly startedAt: number;
  readonly answeredAt: number;
}

const ARRIVAL_LIMIT_MS = 30_000;
const LOOK_EVERY_MS = 20;

/**
 * Warms up, measures, and then checks on the log that every intent of both has its chain, once and in order.
 *
 * Throws: VoidRunError; whatever ended the reading.
 */
export async function runPhase<Reading>(options: PhaseOptions<Reading>): Promise<Phase<Reading>> {
  const { kafka, topics, decode, load, tail, observe } = options;
  const from = await endsOf(kafka, topics);
  const warmUp = await sendAll(options, load.warmUp);
  const before = await observe();
  const measured = await sendAll(options, load.count);
  const after = await observe();
  const correlations = [...warmUp, ...measured].map(({ correlationId }) => correlationId);
  const chains = checkChains(correlations, await readLog(kafka, from, decode));
  const samples = measured.map(({ correlationId, ...sent }) => ({
    ...sent,
    takenAt: takenAt(chains.get(correlationId) ?? []),
    readAt: tail.readAt(correlationId) ?? Number.NaN,
  }));
  return { samples, before, after };
}

/** Sends at the rate and waits until the plan of each has been read. */
async function sendAll(
  { intake, tail, load }: Pick<PhaseOptions<unknown>, 'intake' | 'tail' | 'load'>,
  count: number,
): Promise<readonly Sent[]> {
  const work: Promise<Sent>[] = [];
  await openLoop({ rate: load.rate, count }, (_index, dueAt) => {
    const startedAt = performance.now();
    const sent = intake.send().then((correlationId) => {
      return { correlationId, dueAt, startedAt, answeredAt: performance.now() };
    });
    sent.catch(() => undefined);
    work.push(sent);
  });
  const all = await Promise.all(work);
  await untilRead(
    all.map(({ correlationId }) => correlationId),
    tail,
  );
  return all;
}

async function untilRead(correlations: readonly string[], tail: TopicTail): Promise<void> {
  const deadline = performance.now() + ARRIVAL_LIMIT_MS;
  for (;;) {
    const missing = correlations.filter((id) => tail.readAt(id) === undefined);
    if (missing.length === 0) return;
    if (performance.now() > deadline) {
      const what = `${missing.length} of ${correlations.length} intents got no plan.created`;
      throw new VoidRunError(`${what} within ${ARRIVAL_LIMIT_MS} ms, ${missing[0]}: it is void.`);
    }
    await pause(LOOK_EVERY_MS);
  }
}

function takenAt(chain: readonly LoggedEvent[]): number | null {
  const micros = chain.find(({ sequence }) => sequence === 2)?.occurredAt ?? null;
  return micros === null ? null : micros / 1000 - performance.timeOrigin;
}
