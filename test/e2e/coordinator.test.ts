import { afterAll, beforeAll, expect, it } from 'vitest';
import {
  AvroCodec,
  CATALOGUE_RECORDS,
  envelope,
  eventDefinition,
  eventHeaders,
  newCorrelationId,
} from '../../avro/index.ts';
import type { Letter } from '../../cli/dlq/letters.ts';
import { runCommand } from '../../cli/main.ts';
import type { EventRecord } from '../../engine/event.ts';
import type { KafkaClient } from '../../kafka/client.ts';
import { partitionOf } from '../../kafka/partitioner.ts';
import { platformaticClient } from '../../kafka/platformatic.ts';
import { eventually } from '../support/eventually.ts';
import { type IntentValue, ORDER, SystemClient } from './system-client.ts';
import { startSystem, type System } from './system-fixture.ts';

/* The coordinator by itself, with the gateway to read through: nobody but the test writes events. */

const REORDER_WAIT_MS = 1_000;

let system: System;
let kafka: KafkaClient;
let client: SystemClient;

beforeAll(async () => {
  system = await startSystem('coordinator', {
    apps: ['gateway', 'coordinator'],
    env: { REORDER_WAIT_MS: String(REORDER_WAIT_MS) },
  });
  const { brokers } = system.config.kafka;
  kafka = platformaticClient({ brokers, clientId: 'coordinator-test' });
  client = new SystemClient(system, kafka);
}, 60_000);

afterAll(async () => {
  await system?.stop();
});

async function publish(...events: readonly EventRecord[]): Promise<void> {
  const { partitions, topicPrefix } = system.config.kafka;
  const { registryUrl } = system.config.stores;
  const codec = await AvroCodec.start({ registryUrl, topicPrefix, subjects: CATALOGUE_RECORDS });
  const producer = kafka.producer();
  for (const event of events) {
    const { topic, record } = eventDefinition(event.envelope.event_type);
    const key = Buffer.from(event.envelope.correlation_id);
    const value = codec.encode(topic, record, event);
    const headers = eventHeaders(event.envelope);
    const place = { topic: system.names.physical(topic), partition: partitionOf(key, partitions) };
    const [result] = await producer.send([{ ...place, key, value, headers }]);
    expect(result?.result).toBe('confirmed');
  }
  await producer.close();
}

/** A life from submitted to completed, each event caused by the one before, and further plans that come too late. */
function lifeOf(intentId: string, latePlans = 0): readonly EventRecord[] {
  const intent = { ...ORDER, intentId, priority: 5, metadata: null };
  const step = { venue: 'uniswap_v3', base: 'WETH', quote: 'USDC', amount_in: '0.1', min_out: '1' };
  const exec = { planId: `plan-${intentId}`, intentId, stepIndex: 0 };
  const swap = { ...exec, txHash: '0x1' };
  const plan = ['plan.created', { planId: exec.planId, intentId, steps: [step] }] as const;
  const steps: readonly (readonly [string, object])[] = [
    ['intent.submitted', intent],
    ['risk.approved', { intentId, approved: true }],
    ['intent.accepted', intent],
    plan,
    ['exec.started', exec],
    ['exec.step_submitted', { ...swap, attempt: 1, replaces: null }],
    ['exec.step_filled', { ...swap, amountOut: '250' }],
    ['exec.completed', { ...swap, amountOut: '250' }],
    ...Array.from({ length: latePlans }, () => plan),
  ];
  const events: EventRecord[] = [];
  for (const [type, payload] of steps)
    events.push(
      envelope(type, payload as Readonly<Record<string, unknown>>, {
        correlationId: newCorrelationId(intentId),
        causationId: events.at(-1)?.envelope.event_id ?? null,
        sequence: events.length + 1,
      }),
    );
  return events;
}

async function stateOf(intentId: string): Promise<string | null> {
  const { status, text } = await client.get(`/intents/${intentId}`);
  return status === 200 ? (JSON.parse(text) as IntentValue).state : null;
}

const rowsOf = async (eventId: string): Promise<number> =>
  (await system.database.query('SELECT 1 FROM events WHERE event_id = $1', [eventId])).length;

/** A command as its users run it, but for a process of its own. */
async function millrace<Answer>(...args: readonly string[]): Promise<Answer> {
  const out: string[] = [];
  const err: string[] = [];
  const lines = { out: (line: string) => out.push(line), err: (line: string) => err.push(line) };
  const code = await runCommand([...args, '--json'], { ...lines, env: system.env });
  expect([code, err]).toEqual([0, []]);
  return JSON.parse(out.join('\n')) as Answer;
}

it('B-74 sets aside what waits too long for a sequence, stores it, and applies it when redriven', async () => {
  const id = crypto.randomUUID();
  const [one, two, three] = lifeOf(id) as [EventRecord, EventRecord, EventRecord];
  await publish(one, three);
  const set = await eventuallyOne('the third is set aside', async () => {
    const topics = await millrace<{ topics: { topic: string; letters: number }[] }>('dlq', 'list');
    return topics.topics.filter(({ letters }) => letters > 0);
  });
  expect(set.topic).toBe('dlq.intent.accepted');
  const { letters } = await millrace<{ letters: readonly Letter[] }>('dlq', 'peek', set.topic);
  expect(letters).toMatchObject([
    { event_id: three.envelope.event_id, error: 'SEQUENCE_GAP', application: 'state-coordinator' },
  ]);
  await eventually('it is stored', async () => (await rowsOf(three.envelope.event_id)) === 1);
  expect(await stateOf(id)).toBe('Submitted');
  await publish(two);
  await eventually('the second is stored', async () => (await rowsOf(two.envelope.event_id)) === 1);
  const redriven = await millrace<{ sent: string[]; left: unknown[] }>('dlq', 'redrive', set.topic);
  expect(redriven).toMatchObject({ sent: [letters[0]?.id], left: [] });
  await eventually('the intent goes on', async () => (await stateOf(id)) === 'Accepted');
});

it('B-68 stores and counts what is illegal in its turn, and ignores it', async () => {
  const id = crypto.randomUUID();
  const events = lifeOf(id, 1);
  await publish(...events);
  const late = events.at(-1)?.envelope.event_id ?? '';
  await eventually('it is stored', async () => (await rowsOf(late)) === 1);
  const counter = 'millrace_illegal_transitions_total{type="plan.created"}';
  await eventually(
    'it is counted',
    async () => (await client.metric('coordinator', counter)) === 1,
  );
  await eventually('the intent has ended', async () => (await stateOf(id)) === 'Completed');
});

async function eventuallyOne<Item>(
  what: string,
  find: () => Promise<readonly Item[]>,
): Promise<Item> {
  let found: readonly Item[] = [];
  await eventually(what, async () => (found = await find()).length === 1);
  return found[0] as Item;
}
