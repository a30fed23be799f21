/*
 * Publishes the events of an intent that never was, from intent.submitted to exec.completed, so that a user interface
 * has something to show. Prints the intent's id: GET /intents/{id} then says Completed.
 *
 *   npm run fake-flow
 *
 * Takes KAFKA_BROKERS, SCHEMA_REGISTRY_URL, TOPIC_PREFIX and PARTITIONS from the environment.
 *
 * The workers of the system see the same records and cannot tell them from theirs, so two things keep the flow a fake:
 * - Nothing can be executed. The pair has no pool, so the planner makes no plan of its own; the plan here names a venue
 *   that no process has, so the orchestrator gives it up (WRONG_CHAIN) before anything is built.
 * - What the workers say about it comes too late. The topics are written from the last of the flow to the first, so on
 *   each the flow stands before any answer to it. Of the events that claim one sequence, the coordinator takes the first
 *   whose cause it has taken, and of several that wait the one with the lowest id: ids here are as old as their events.
 *   Only sequence 2 may be lost, because topics are read independently of each other: acceptance that sees risk.approved
 *   before the intent gives that sequence to its own intent.accepted. So nothing here is caused by sequence 2.
 * The answers (risk.approved, intent.accepted, plan.rejected, exec.started, exec.failed) stand in the history as well; the
 * read models do not have what they say.
 */
import { randomBytes, randomUUID } from 'node:crypto';
import { type Config, loadConfig } from '../apps/config.ts';
import {
  AvroCodec,
  CATALOGUE_RECORDS,
  createUlidGenerator,
  envelope,
  eventDefinition,
  eventHeaders,
  type ExecCompletedPayload,
  type ExecStartedPayload,
  type ExecStepSubmittedPayload,
  type IntentSubmittedPayload,
  newCorrelationId,
  type PlanCreatedPayload,
  type RiskApprovedPayload,
} from '../avro/index.ts';
import type { EventRecord, Micros } from '../engine/event.ts';
import type { RecordToSend } from '../kafka/client.ts';
import { partitionOf } from '../kafka/partitioner.ts';
import { platformaticClient } from '../kafka/platformatic.ts';

const PRODUCER = 'fake-flow';
/** Between two events of the flow, which ends now. */
const STEP_MICROS = 25_000;
/** In the order of writing: from the last of the flow to the first. */
export const FAKE_FLOW_TOPICS: readonly string[] = ['exec', 'plans', 'risk', 'intents'];

/** `cause`: a sequence; null: nothing caused it. */
type Flow = readonly (readonly [
  type: string,
  payload: Readonly<Record<string, unknown>>,
  cause: number | null,
])[];

function flowOf(intentId: string): Flow {
  const planId = randomUUID();
  const txHash = `0x${randomBytes(32).toString('hex')}`;
  const intent: IntentSubmittedPayload = {
    intentId,
    strategyId: PRODUCER,
    base: 'WETH',
    quote: 'DAI',
    amount_in: '0.5',
    notional_usd: '1250',
    max_slippage: '0.01',
    priority: 5,
    metadata: null,
  };
  const step = {
    venue: 'fake',
    base: intent.base,
    quote: intent.quote,
    amount_in: intent.amount_in,
    min_out: '1240',
  };
  const approved: RiskApprovedPayload = { intentId, approved: true };
  const plan: PlanCreatedPayload = { planId, intentId, steps: [step] };
  const started: ExecStartedPayload = { planId, intentId, stepIndex: 0 };
  const submitted: ExecStepSubmittedPayload = { ...started, txHash, attempt: 1, replaces: null };
  const done: ExecCompletedPayload = { ...started, amountOut: '1249.5', txHash };
  return [
    ['intent.submitted', { ...intent }, null],
    ['risk.approved', { ...approved }, 1],
    ['intent.accepted', { ...intent }, 1],
    ['plan.created', { ...plan }, 3],
    ['exec.started', { ...started }, 4],
    ['exec.step_submitted', { ...submitted }, 5],
    ['exec.step_filled', { ...done }, 6],
    ['exec.completed', { ...done }, 7],
  ];
}

/**
 * The events of an intent that never was, in the order of their sequence, from 1.
 *
 * Units: `endMicros` is when the last of them happened.
 */
export function fakeFlow(intentId: string, endMicros: Micros): readonly EventRecord[] {
  const flow = flowOf(intentId);
  const timeOf = (sequence: number): Micros => endMicros - (flow.length - sequence) * STEP_MICROS;
  const eventIds = flow.map((_, index) =>
    createUlidGenerator(() => Math.floor(timeOf(index + 1) / 1000)).next(),
  );
  return flow.map(([type, payload, cause], index) =>
    envelope(type, payload, {
      correlationId: newCorrelationId(intentId),
      causationId: cause === null ? null : (eventIds[cause - 1] ?? null),
      sequence: index + 1,
      eventId: eventIds[index] ?? '',
      occurredAt: timeOf(index + 1),
      producer: PRODUCER,
    }),
  );
}

async function publish(config: Config, events: readonly EventRecord[]): Promise<void> {
  const { brokers, topicPrefix, partitions } = config.kafka;
  const { registryUrl } = config.stores;
  const codec = await AvroCodec.start({ registryUrl, topicPrefix, subjects: CATALOGUE_RECORDS });
  const recordOf = (event: EventRecord): RecordToSend => {
    const { topic, record } = eventDefinition(event.envelope.event_type);
    const key = Buffer.from(event.envelope.correlation_id);
    return {
      topic: topicPrefix + topic,
      partition: partitionOf(key, partitions),
      key,
      value: codec.encode(topic, record, event),
      headers: eventHeaders(event.envelope),
    };
  };
  const producer = platformaticClient({ brokers, clientId: PRODUCER }).producer();
  try {
    for (const topic of FAKE_FLOW_TOPICS) {
      const records = events.map(recordOf).filter((each) => each.topic === topicPrefix + topic);
      for (const result of await producer.send(records)) {
        if (result.result === 'confirmed') continue;
        const remedy = 'Start the system, or see KAFKA_BROKERS, TOPIC_PREFIX and PARTITIONS.';
        throw new Error(`${topic} did not take the flow: ${result.code}. ${remedy}`);
      }
    }
  } finally {
    await producer.close();
  }
}

async function main(): Promise<void> {
  const intentId = randomUUID();
  try {
    await publish(loadConfig(process.env), fakeFlow(intentId, Date.now() * 1000));
    process.stdout.write(`${intentId}\n`);
  } catch (error) {
    process.stderr.write(`${(error as Error).message}\n`);
    process.exitCode = 2;
  }
}

if (import.meta.main) await main();
