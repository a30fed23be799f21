import { breathe } from '../../kafka/wait.ts';
import { type ArrayValue, arrayBytes } from './array-bytes.ts';
import type { PositionMove } from './sink-positions.ts';

/** Where a record stood on the log, and who says to have sent it. */
export interface BotOrigin {
  /** Logical topic. */
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
  /** `kafka`, `http`, `kafka_json` or `legacy_file`. */
  readonly ingestSource: string;
  /** `id/incarnation` and the number within its partition; null where the record has none. */
  readonly mark: { readonly producer: string; readonly sequence: number } | null;
}

/** An event of a bot as the store takes it. */
export interface BotRow extends BotOrigin {
  /** Lower case. */
  readonly eventId: string;
  readonly eventType: string;
  readonly eventVersion: number;
  /** Microseconds since the epoch, UTC. */
  readonly tsMicros: number;
  readonly producer: string;
  readonly instanceName: string;
  readonly controllerId: string;
  readonly connectorName: string;
  readonly tradingPair: string;
  readonly correlationId: string;
  readonly causationId: string | null;
  /** JSON text. */
  readonly payload: string;
  readonly raw: Uint8Array;
  readonly rawFormat: 'json' | 'avro';
  /** Of what it says, however it came. */
  readonly contentHash: Uint8Array;
  readonly status: 'valid' | 'backfilled';
}

/** A record that is no event by the rules; what could be read of it. */
export interface BotReject extends BotOrigin {
  readonly eventId: string | null;
  readonly eventType: string | null;
  readonly instanceName: string | null;
  readonly tsMicros: number | null;
  readonly field: string;
  readonly code: string;
  readonly message: string;
  readonly correlationMissing: boolean;
  readonly raw: Uint8Array;
}

/** What a producer says was acknowledged: the highest sequence of each partition of a topic. */
export interface SentStatement {
  readonly producer: string;
  readonly topic: string;
  readonly sent: readonly number[];
}

export interface BotBatch {
  readonly sink: string;
  readonly moves: readonly PositionMove[];
  readonly events: readonly BotRow[];
  /** The same, made ready while the batch before is stored; absent: made when it is needed. */
  readonly parts?: readonly EventPart[];
  readonly rejects: readonly BotReject[];
  readonly statements: readonly SentStatement[];
  /** Moves past records that were gone from the log. */
  readonly gaps: readonly PositionMove[];
}

/** What became of the events of a batch. */
export interface BotAppendReport {
  readonly stored: readonly BotRow[];
  readonly duplicates: readonly BotRow[];
  /** Said before under the same event_id with another content; the first is kept. */
  readonly conflicts: readonly BotRow[];
  /** The same record again: its producer says it sent it once. */
  readonly redelivered: number;
}

interface Column<Row> {
  readonly name: string;
  readonly type: string;
  readonly of: (row: Row) => ArrayValue;
}

const ORIGIN: readonly Column<BotOrigin>[] = [
  { name: 'source_topic', type: 'text', of: (row) => row.topic },
  { name: 'source_partition', type: 'int', of: (row) => row.partition },
  { name: 'source_offset', type: 'bigint', of: (row) => row.offset },
  { name: 'ingest_source', type: 'text', of: (row) => row.ingestSource },
  { name: 'producer_id', type: 'text', of: (row) => row.mark?.producer ?? null },
  { name: 'producer_sequence', type: 'bigint', of: (row) => row.mark?.sequence ?? null },
];

const EVENT: readonly Column<BotRow>[] = [
  { name: 'micros', type: 'bigint', of: (row) => row.tsMicros },
  { name: 'instance_name', type: 'text', of: (row) => row.instanceName },
  { name: 'event_id', type: 'uuid', of: (row) => row.eventId },
  { name: 'event_type', type: 'text', of: (row) => row.eventType },
  { name: 'event_version', type: 'int', of: (row) => row.eventVersion },
  { name: 'producer', type: 'text', of: (row) => row.producer },
  { name: 'controller_id', type: 'text', of: (row) => row.controllerId },
  { name: 'connector_name', type: 'text', of: (row) => row.connectorName },
  { name: 'trading_pair', type: 'text', of: (row) => row.tradingPair },
  { name: 'correlation_id', type: 'uuid', of: (row) => row.correlationId },
  { name: 'causation_id', type: 'uuid', of: (row) => row.causationId },
  { name: 'payload', type: 'json', of: (row) => row.payload },
  { name: 'raw', type: 'bytea', of: (row) => row.raw },
  { name: 'raw_format', type: 'text', of: (row) => row.rawFormat },
  { name: 'content_hash', type: 'bytea', of: (row) => row.contentHash },
  { name: 'schema_validation_status', type: 'text', of: (row) => row.status },
  ...ORIGIN,
];

/** A row of bot_not_stored. */
export interface NotStored extends BotOrigin {
  readonly outcome: 'duplicate' | 'conflict' | 'invalid';
  readonly status: string;
  readonly eventId: string | null;
  readonly eventType: string | null;
  readonly instanceName: string | null;
  readonly tsMicros: number | null;
  readonly field: string | null;
  readonly code: string | null;
  readonly message: string | null;
  readonly correlationMissing: boolean;
  readonly raw: Uint8Array | null;
}

const NOT_STORED: readonly Column<NotStored>[] = [
  { name: 'micros', type: 'bigint', of: (row) => row.tsMicros },
  { name: 'outcome', type: 'text', of: (row) => row.outcome },
  { name: 'schema_validation_status', type: 'text', of: (row) => row.status },
  { name: 'event_id', type: 'text', of: (row) => row.eventId },
  { name: 'event_type', type: 'text', of: (row) => row.eventType },
  { name: 'instance_name', type: 'text', of: (row) => row.instanceName },
  { name: 'field', type: 'text', of: (row) => row.field },
  { name: 'code', type: 'text', of: (row) => row.code },
  { name: 'message', type: 'text', of: (row) => row.message },
  { name: 'correlation_missing', type: 'boolean', of: (row) => row.correlationMissing },
  { name: 'raw', type: 'bytea', of: (row) => row.raw },
  ...ORIGIN,
];

/** Rows of one INSERT, with the arrays that it takes. */
export interface EventPart {
  readonly rows: readonly BotRow[];
  readonly values: readonly Uint8Array[];
}

/** Rows of one INSERT: bounds a statement's memory and time; a longer batch takes several. */
export const ROWS_PER_INSERT = 2_500;

/**
 * Makes the arrays of all rows, some at a time: an answer of Postgres to what is under way meanwhile need not wait for
 * them all.
 */
export async function eventParts(rows: readonly BotRow[]): Promise<readonly EventPart[]> {
  const parts: EventPart[] = [];
  for (let at = 0; at < rows.length; at += ROWS_PER_INSERT) {
    const part = rows.slice(at, at + ROWS_PER_INSERT);
    const values: Uint8Array[] = [];
    for (const { type, of } of EVENT) {
      values.push(arrayBytes(type, part.map(of)));
      await breathe();
    }
    parts.push({ rows: part, values });
  }
  return parts;
}

/** One array per column for the statements below. */
export const eventValues = (rows: readonly BotRow[]): readonly Uint8Array[] =>
  EVENT.map(({ type, of }) => arrayBytes(type, rows.map(of)));
export const notStoredValues = (rows: readonly NotStored[]): readonly Uint8Array[] =>
  NOT_STORED.map(({ type, of }) => arrayBytes(type, rows.map(of)));

const given = (columns: readonly Column<never>[]): string => {
  const arrays = columns.map(({ type }, at) => `$${at + 1}::${type === 'json' ? 'text' : type}[]`);
  return `unnest(${arrays.join(', ')}) AS given(${columns.map(({ name }) => name).join(', ')})`;
};
const listOf = (columns: readonly Column<never>[]): string =>
  columns
    .map(({ name }) => name)
    .filter((name) => name !== 'micros')
    .join(', ');
// The epoch plus whole microseconds is exact: below 2^53 nothing is rounded on the way.
const TIME = `timestamptz 'epoch' + micros * interval '1 microsecond'`;

/** Into both tables; the caller has seen to it that the event_ids are new. */
export const INSERT_EVENTS = `
  WITH given AS (SELECT ${listOf(EVENT).replace('payload', 'payload::jsonb AS payload')}, ${TIME} AS ts
    FROM ${given(EVENT)}),
  every AS (
    INSERT INTO events
      (time, event_id, topic, correlation_id, causation_id, payload, version, family, sequence)
    SELECT ts, event_id::text, event_type, correlation_id::text, causation_id::text, payload,
      event_version, 'BOT', NULL FROM given
  )
  INSERT INTO bot_events (ts_utc, ${listOf(EVENT)}) SELECT ts, ${listOf(EVENT)} FROM given`;

export const INSERT_NOT_STORED = `
  INSERT INTO bot_not_stored (ts_utc, ${listOf(NOT_STORED)})
  SELECT ${TIME}, ${listOf(NOT_STORED)} FROM ${given(NOT_STORED)}
  ON CONFLICT DO NOTHING`;
