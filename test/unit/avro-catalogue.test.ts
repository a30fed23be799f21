import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { HEADER } from '../../engine/event.ts';
import type { Envelope } from '../../engine/event.ts';
import type { Anchor, Batch, Fence } from '../../avro/generated/journal.ts';
import type * as journal from '../../engine/journal.ts';
import type { EventEnvelope } from '../../avro/index.ts';
import {
  BOT_EVENTS,
  CATALOGUE_RECORDS,
  CatalogueError,
  eventDefinition,
  eventHeaders,
  journalRecords,
  loadSchemas,
  MARKET_EVENTS,
  READ_MODELS,
  subjectOf,
  TRADING_EVENTS,
} from '../../avro/index.ts';
import { generate } from '../../scripts/generate-avro-types.ts';

const GENERATED = join(import.meta.dirname, '..', '..', 'avro', 'generated');

// The types of the schemas and those of the engine say the same, in both directions.
type Same<A, B> = A extends B ? (B extends A ? true : never) : never;
const SAME: readonly [
  Same<Fence, journal.Fence>,
  Same<Batch, journal.Batch>,
  Same<Anchor, journal.Anchor>,
  EventEnvelope extends Envelope ? true : never,
  Envelope extends EventEnvelope ? true : never,
] = [true, true, true, true, true];

describe('the catalogue', () => {
  it('B-06 has exactly the 11 trading events', () => {
    expect(TRADING_EVENTS.map(({ type, topic }) => `${topic} ${type}`)).toEqual([
      'intents intent.submitted',
      'intents intent.accepted',
      'risk risk.approved',
      'risk risk.rejected',
      'plans plan.created',
      'plans plan.rejected',
      'exec exec.started',
      'exec exec.step_submitted',
      'exec exec.step_filled',
      'exec exec.completed',
      'exec exec.failed',
    ]);
  });

  it('S-02 has exactly the six events of bots, on one topic', () => {
    expect(BOT_EVENTS.map(({ type, topic, family }) => `${family} ${topic} ${type}`)).toEqual([
      'BOT orders order_created',
      'BOT orders order_cancelled',
      'BOT orders order_failed',
      'BOT orders order_filled',
      'BOT orders risk_decision',
      'BOT orders state_snapshot',
    ]);
    expect(() => eventDefinition('order_updated')).toThrow(CatalogueError);
  });

  it('B-34 refuses an unknown event type and names the known ones', () => {
    expect(() => eventDefinition('intent.hack')).toThrow(CatalogueError);
    expect(() => eventDefinition('intent.hack')).toThrow(
      /"intent\.hack".*intent\.submitted.*exec\.failed/,
    );
    expect(eventDefinition('exec.failed').record).toBe('millrace.trading.v1.ExecFailed');
  });

  it('refuses names that every object has', () => {
    expect(() => eventDefinition('constructor')).toThrow(CatalogueError);
  });

  it('names subjects by topic and record, with the prefix before the topic', () => {
    const [first] = CATALOGUE_RECORDS;
    expect(first && subjectOf(first)).toBe('intents-millrace.trading.v1.IntentSubmitted');
    expect(first && subjectOf(first, 'cypher.dev.')).toBe(
      'cypher.dev.intents-millrace.trading.v1.IntentSubmitted',
    );
    expect(journalRecords('planner.workers').map((record) => subjectOf(record))).toEqual([
      'planner.workers.journal-millrace.journal.v1.Fence',
      'planner.workers.journal-millrace.journal.v1.Batch',
      'planner.workers.journal-millrace.journal.v1.Anchor',
      'planner.workers.control-millrace.control.v1.Command',
    ]);
  });

  it('has a schema for every record, and no record twice', () => {
    const schemas = loadSchemas();
    const records = [...CATALOGUE_RECORDS, ...journalRecords('a')].map(({ record }) => record);
    for (const record of records) expect(schemas.get(record).type).toBe('record');
    expect(new Set(records).size).toBe(records.length);
    expect([MARKET_EVENTS.length, READ_MODELS.length]).toEqual([1, 3]);
  });
});

describe('the schemas', () => {
  it('B-01 gives the envelope all canonical fields in their order', () => {
    const names = loadSchemas()
      .get('millrace.envelope.v1.EventEnvelope')
      .fields?.map(({ name }) => name);
    expect(names?.join(' ')).toBe(
      'event_id family event_type event_version occurred_at correlation_id causation_id ' +
        'parent_event_id sequence producer producer_version producer_instance bot priority ' +
        'idempotency_key subject_type subject_id visibility trace_id routing_key metadata actor_source',
    );
  });

  it('K-10 makes every schema readable by itself: no name before its definition', () => {
    for (const { record } of [...CATALOGUE_RECORDS, ...journalRecords('a')]) {
      const text = JSON.stringify(loadSchemas().get(record));
      const defined = text.indexOf('"name":"EventEnvelope"');
      const referred = text.indexOf('"millrace.envelope.v1.EventEnvelope"');
      expect(referred === -1 || (defined !== -1 && defined < referred)).toBe(true);
    }
  });

  it('B-04 has no signature', () => {
    const text = [...generate().values()].join('\n');
    expect(text).not.toMatch(/signature|ed25519/i);
  });

  it('has amounts as text only', () => {
    expect([...generate().keys()]).toEqual([
      'bots',
      'chain',
      'control',
      'envelope',
      'journal',
      'market',
      'position',
      'readmodel',
      'trading',
    ]);
    const amounts = [...generate().values()].join('\n').match(/readonly (amount|min_)\w*\??: .*/gi);
    expect(amounts?.length).toBeGreaterThan(8);
    for (const amount of amounts ?? []) expect(amount).toMatch(/: (null \| )?string;$/);
  });

  it('has its types generated and checked in', () => {
    expect(SAME).not.toContain(false);
    for (const [family, text] of generate()) {
      expect(readFileSync(join(GENERATED, `${family}.ts`), 'utf8')).toBe(text);
    }
  });
});

describe('headers', () => {
  const envelope: Envelope = {
    event_id: 'e',
    family: 'TRADING',
    event_type: 'intent.submitted',
    event_version: 1,
    occurred_at: 1,
    correlation_id: 'c',
    causation_id: null,
    sequence: null,
    producer: 'gateway',
    priority: 'normal',
    trace_id: null,
  };

  it('B-35 carry the event id; null is absent', () => {
    expect(eventHeaders(envelope)).toEqual({
      event_id: 'e',
      event_type: 'intent.submitted',
      family: 'TRADING',
      correlation_id: 'c',
      priority: 'normal',
    });
  });

  it('carry numbers in decimal and what is added', () => {
    const full = { ...envelope, causation_id: 'x', sequence: 12 };
    expect(eventHeaders(full, { [HEADER.traceparent]: '00-1' })).toMatchObject({
      causation_id: 'x',
      sequence: '12',
      traceparent: '00-1',
    });
  });
});
