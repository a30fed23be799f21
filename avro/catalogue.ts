import type { EventDefinition, ReadModelDefinition } from '../engine/event.ts';
import { COMMAND_RECORD } from '../engine/command.ts';
import { JOURNAL_RECORD } from '../engine/journal.ts';
import type { Compatibility } from './registry.ts';

/** A record that may stand on a topic: what the registry knows as one subject. */
export interface TopicRecord {
  /** Logical topic, without TOPIC_PREFIX. */
  readonly topic: string;
  /** Full name of the Avro record. */
  readonly record: string;
  /** What a new version of its subject has to keep. Default BACKWARD. */
  readonly compatibility?: Compatibility;
}

function trading(type: string, topic: string, name: string): EventDefinition {
  return { type, family: 'TRADING', version: 1, topic, record: `millrace.trading.v1.${name}` };
}

/** The 11 events of an intent's life. Source: B-06. */
export const TRADING_EVENTS: readonly EventDefinition[] = [
  trading('intent.submitted', 'intents', 'IntentSubmitted'),
  trading('intent.accepted', 'intents', 'IntentAccepted'),
  trading('risk.approved', 'risk', 'RiskApproved'),
  trading('risk.rejected', 'risk', 'RiskRejected'),
  trading('plan.created', 'plans', 'PlanCreated'),
  trading('plan.rejected', 'plans', 'PlanRejected'),
  trading('exec.started', 'exec', 'ExecStarted'),
  trading('exec.step_submitted', 'exec', 'ExecStepSubmitted'),
  trading('exec.step_filled', 'exec', 'ExecStepFilled'),
  trading('exec.completed', 'exec', 'ExecCompleted'),
  trading('exec.failed', 'exec', 'ExecFailed'),
];

/** Reference data from outside; never in the event store (B-111). */
export const MARKET_EVENTS: readonly EventDefinition[] = [
  {
    type: 'market.pool_snapshot',
    family: 'SYSTEM',
    version: 1,
    topic: 'market',
    record: 'millrace.market.v1.PoolSnapshot',
  },
];

function chain(type: string, name: string): EventDefinition {
  const record = `millrace.chain.v1.${name}`;
  return { type, family: 'SYSTEM', version: 1, topic: 'rk.chain.account', record };
}

/** What executions and the accounts that they sign for tell each other; nobody publishes them from outside. */
export const CHAIN_EVENTS: readonly EventDefinition[] = [
  chain('chain.nonce_wanted', 'NonceWanted'),
  chain('chain.nonce_given', 'NonceGiven'),
  chain('chain.nonce_settled', 'NonceSettled'),
];

/** What the correlations of a strategy tell it; nobody publishes it from outside. */
export const POSITION_EVENTS: readonly EventDefinition[] = [
  {
    type: 'position.intent_ended',
    family: 'SYSTEM',
    version: 1,
    topic: 'rk.position.strategy',
    record: 'millrace.position.v1.IntentEnded',
  },
];

function bot(type: string, name: string): EventDefinition {
  return { type, family: 'BOT', version: 1, topic: 'orders', record: `millrace.bots.v1.${name}` };
}

/** What trading bots say. Source: S-02. */
export const BOT_EVENTS: readonly EventDefinition[] = [
  bot('order_created', 'OrderCreated'),
  bot('order_cancelled', 'OrderCancelled'),
  bot('order_failed', 'OrderFailed'),
  bot('order_filled', 'OrderFilled'),
  bot('risk_decision', 'RiskDecision'),
  bot('state_snapshot', 'StateSnapshot'),
];

/** The compacted topics that Redis is filled from. */
export const READ_MODELS: readonly ReadModelDefinition[] = [
  { topic: 'rm.intent', record: 'millrace.readmodel.v1.Intent' },
  { topic: 'rm.plan', record: 'millrace.readmodel.v1.Plan' },
  { topic: 'rm.positions', record: 'millrace.readmodel.v1.Positions' },
];

/** Logical topics of the stream of events, in a fixed order: its positions are written in it. Bots are no part of it. */
export function eventTopics(): readonly string[] {
  return [...new Set([...TRADING_EVENTS, ...MARKET_EVENTS].map(({ topic }) => topic))];
}

export class CatalogueError extends Error {
  override readonly name = 'CatalogueError';
  readonly code = 'UNKNOWN_EVENT_TYPE';
}

const BY_TYPE: ReadonlyMap<string, EventDefinition> = new Map(
  [...TRADING_EVENTS, ...MARKET_EVENTS, ...BOT_EVENTS].map((each) => [each.type, each]),
);

/**
 * Where an event type lives. Only types of the catalogue can be published.
 *
 * Throws: CatalogueError UNKNOWN_EVENT_TYPE.
 * Source: B-34.
 */
export function eventDefinition(type: string): EventDefinition {
  const definition = BY_TYPE.get(type);
  if (definition) return definition;
  throw new CatalogueError(
    `event type ${JSON.stringify(type)} is not in the catalogue; known are ${[...BY_TYPE.keys()].join(', ')}; ` +
      'add it to avro/catalogue.ts with a schema, or correct the name',
  );
}

/**
 * What bots put on topics. Producers and readers are deployed apart, so that each version has to read what every
 * other wrote: no required field may go (S-44).
 */
export const BOT_RECORDS: readonly TopicRecord[] = BOT_EVENTS.map(({ topic, record }) => ({
  topic,
  record,
  compatibility: 'FULL_TRANSITIVE',
}));

/** Everything that events and read models put on topics. */
export const CATALOGUE_RECORDS: readonly TopicRecord[] = [
  ...[...TRADING_EVENTS, ...MARKET_EVENTS, ...CHAIN_EVENTS, ...POSITION_EVENTS, ...READ_MODELS].map(
    ({ topic, record }) => ({ topic, record }),
  ),
  ...BOT_RECORDS,
];

/** What an application writes to `<application>.journal`. */
export function journalRecords(application: string): readonly TopicRecord[] {
  const topic = `${application}.journal`;
  return [
    ...Object.values(JOURNAL_RECORD).map((record) => ({ topic, record })),
    { topic: `${application}.control`, record: COMMAND_RECORD },
  ];
}

/** Name of a subject in the registry. Source: docs/reference/interfaces.md, Records. */
export function subjectOf({ topic, record }: TopicRecord, topicPrefix = ''): string {
  return `${topicPrefix}${topic}-${record}`;
}
