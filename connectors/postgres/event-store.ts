import { arrayBytes } from './array-bytes.ts';
import { Database, type Run } from './database.ts';
import { EventMonths } from './event-months.ts';
import {
  ensurePositions,
  movePositions,
  type PositionMove,
  positionsOf,
  type SinkPartition,
  type SinkPosition,
} from './sink-positions.ts';
import { StoreError } from './store-error.ts';
import { columnsOf, firstOfEachId, objectionTo } from './stored-event.ts';
import type { StoredEvent, WireEvent } from './stored-event.ts';

/** Rows of one INSERT: bounds a statement's memory and time; a longer batch takes several. */
const ROWS_PER_INSERT = 5_000;
/** Events of one correlation that `history` gives. */
const MAX_HISTORY = 10_000;
/** Correlations of one page. */
const CORRELATIONS_PER_PAGE = 500;

/** Which correlations: those with an event of these types, between these times. */
export interface CorrelationFilter {
  /** Null: any. */
  readonly types: readonly string[] | null;
  readonly fromMs: number | null;
  readonly toMs: number | null;
}

/** A correlation, and what the id was that led to it. */
export interface FoundCorrelation {
  readonly correlationId: string;
  readonly foundBy: 'correlation_id' | 'intent_id' | 'event_id' | 'plan_id';
}

export interface AppendBatch {
  readonly sink: string;
  /** Each partition at most once; none for events that come from no partition. */
  readonly moves: readonly PositionMove[];
  readonly events: readonly StoredEvent[];
}

/**
 * The append-only log of all events in Postgres, with the positions of the sinks that fill it.
 *
 * Order: `ensurePositions` and `positions` before the first `append`, and again after any error of `append`:
 * a connection lost while committing leaves open whether the batch is stored.
 * Limits: 8 connections; connecting 5 s, a statement 10 s.
 * Throws: StoreError from every method.
 * Source: B-08, B-65, B-66; docs/protocol.md, F23.
 */
export class EventStore {
  /** The connections, for the other stores of the process. */
  readonly database: Database;
  readonly #months: EventMonths;

  /** `reads`: Postgres itself refuses whatever this store would write (B-13, B-40). */
  constructor(connectionString: string, access: 'writes' | 'reads' = 'writes') {
    this.database = new Database(connectionString, access);
    this.#months = new EventMonths(this.database);
  }

  /**
   * Stores the events that are new and moves the positions, all or nothing. Returns how many were new.
   *
   * Throws: StoreError POSITION_TAKEN (stop) when a position is not at `from`, INVALID (dead-letter) with the
   * events that Postgres cannot hold, STORE_AWAY (retry, from what `positions` says).
   */
  async append(batch: AppendBatch): Promise<number> {
    refuseInvalid(batch.events);
    const events = firstOfEachId(batch.events);
    await this.#months.makeFor(events.map(({ occurredAtMicros }) => occurredAtMicros));
    const doing = `appending ${events.length} events of ${batch.sink}`;
    return this.database.transaction(doing, async (run) => {
      await movePositions(run, batch);
      let stored = 0;
      for (let at = 0; at < events.length; at += ROWS_PER_INSERT) {
        stored += await insertNew(run, events.slice(at, at + ROWS_PER_INSERT));
      }
      return stored;
    });
  }

  /** Every position of the sink, by topic and partition. */
  positions(sink: string): Promise<readonly SinkPosition[]> {
    return positionsOf(this.database, sink);
  }

  /** Sets a position of 0 where the sink has none yet; what is there stays. */
  ensurePositions(sink: string, partitions: readonly SinkPartition[]): Promise<void> {
    return ensurePositions(this.database, sink, partitions);
  }

  /**
   * The events of one correlation by sequence, then time; empty when there is none.
   *
   * Shape: wire form; the payload's keys in the order jsonb keeps them, not the order they came in.
   * Limits: the first 10,000.
   */
  async history(correlationId: string): Promise<readonly WireEvent[]> {
    if (correlationId.includes('\u0000')) return [];
    const rows = await this.database.prepared<WireRow>(
      `reading the history of ${correlationId}`,
      HISTORY,
      [correlationId, MAX_HISTORY],
    );
    return rows.map(toWire);
  }

  /**
   * The correlation that an id belongs to, be it that of the correlation, of its intent, of one of its events or of its
   * plan; null when nothing stored has it.
   */
  async find(id: string): Promise<FoundCorrelation | null> {
    if (id.includes('\u0000')) return null;
    const [row] = await this.database.query<FoundCorrelation>(`looking for ${id}`, FIND, [id]);
    return row ?? null;
  }

  /** Pages of correlation ids, each id once. */
  async *correlations({
    types,
    fromMs,
    toMs,
  }: CorrelationFilter): AsyncGenerator<readonly string[]> {
    let after = '';
    for (;;) {
      const rows = await this.database.query<{ correlation_id: string }>(
        'listing correlations',
        CORRELATIONS,
        [types, isoOf(fromMs), isoOf(toMs), after, CORRELATIONS_PER_PAGE],
      );
      const ids = rows.map((row) => row.correlation_id);
      if (ids.length > 0) yield ids;
      after = ids.at(-1) ?? '';
      if (ids.length < CORRELATIONS_PER_PAGE) return;
    }
  }

  /** Throws: StoreError STORE_AWAY when Postgres does not answer within the time given. */
  ping(timeoutMs: number): Promise<void> {
    return this.database.ping(timeoutMs);
  }

  /** Order: once, last; waits for statements under way. */
  close(): Promise<void> {
    return this.database.close();
  }
}

/** In the order of their ids, so that two writers of the same events never wait for each other in a ring. */
async function insertNew(run: Run, events: readonly StoredEvent[]): Promise<number> {
  const columns = columnsOf(events);
  const { rowCount } = await run(INSERT_NEW, [
    arrayBytes('bigint', columns.micros),
    arrayBytes('text', columns.eventIds),
    arrayBytes('text', columns.types),
    arrayBytes('text', columns.correlationIds),
    arrayBytes('text', columns.causationIds),
    arrayBytes('text', columns.payloads),
    arrayBytes('int', columns.versions),
    arrayBytes('text', columns.families),
    arrayBytes('bigint', columns.sequences),
  ]);
  return rowCount;
}

// The epoch plus whole microseconds is exact: below 2^53 nothing is rounded on the way.
const INSERT_NEW = `
  WITH given AS (
    SELECT * FROM unnest(
      $1::bigint[], $2::text[], $3::text[], $4::text[], $5::text[],
      $6::text[], $7::int[], $8::text[], $9::bigint[]
    ) AS event(micros, event_id, topic, correlation_id, causation_id, payload, version, family, sequence)
  ), fresh AS (
    INSERT INTO event_dedup (event_id)
    SELECT event_id FROM given ORDER BY event_id
    ON CONFLICT DO NOTHING
    RETURNING event_id
  )
  INSERT INTO events
    (time, event_id, topic, correlation_id, causation_id, payload, version, family, sequence)
  SELECT timestamptz 'epoch' + micros * interval '1 microsecond', event_id, topic, correlation_id,
    causation_id, payload::jsonb, version, family, sequence
  FROM given JOIN fresh USING (event_id)`;

// Prepared, since it is planned for the index of every partition, which takes several times as long as looking into them.
const HISTORY = {
  name: 'history',
  text: `
  SELECT event_id, to_char(time AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') AS timestamp,
    topic, correlation_id, causation_id, payload, version, sequence
  FROM events WHERE correlation_id = $1
  ORDER BY sequence NULLS LAST, time, event_id LIMIT $2`,
};

// Each part has an index: that of correlations, the primary key, and that of plans.
const FIND = `
  SELECT correlation_id AS "correlationId", found_by AS "foundBy" FROM (
    (SELECT correlation_id, 'correlation_id' AS found_by, 1 AS rank FROM events
      WHERE correlation_id = $1 LIMIT 1)
    UNION ALL
    (SELECT correlation_id, 'intent_id', 2 FROM events WHERE correlation_id = 'intent-' || $1 LIMIT 1)
    UNION ALL
    (SELECT correlation_id, 'event_id', 3 FROM events WHERE event_id = $1 LIMIT 1)
    UNION ALL
    (SELECT correlation_id, 'plan_id', 4 FROM events
      WHERE topic = 'plan.created' AND payload ->> 'planId' = $1 LIMIT 1)
  ) AS found ORDER BY rank LIMIT 1`;

const CORRELATIONS = `
  SELECT DISTINCT correlation_id FROM events
  WHERE ($1::text[] IS NULL OR topic = ANY($1)) AND ($2::timestamptz IS NULL OR time >= $2)
    AND ($3::timestamptz IS NULL OR time <= $3) AND correlation_id > $4
  ORDER BY correlation_id LIMIT $5`;

function isoOf(ms: number | null): string | null {
  return ms === null ? null : new Date(ms).toISOString();
}

interface WireRow {
  event_id: string;
  timestamp: string;
  topic: string;
  correlation_id: string;
  causation_id: string | null;
  payload: unknown;
  version: number;
  /** bigint: pg gives it as text. */
  sequence: string | null;
}

function toWire(row: WireRow): WireEvent {
  return {
    eventId: row.event_id,
    timestamp: row.timestamp,
    topic: row.topic,
    correlationId: row.correlation_id,
    causationId: row.causation_id,
    payload: row.payload,
    version: row.version,
    sequence: row.sequence === null ? null : Number(row.sequence),
  };
}

function refuseInvalid(events: readonly StoredEvent[]): void {
  const refused = events.flatMap((event) => {
    const objection = objectionTo(event);
    return objection === null ? [] : [{ eventId: event.eventId, objection }];
  });
  const [first] = refused;
  if (first === undefined) return;
  throw new StoreError(
    'INVALID',
    `${refused.length} of ${events.length} events can never be stored, first ${first.eventId}: ` +
      `${first.objection}. Dead-letter these and append the others.`,
    { eventIds: refused.map(({ eventId }) => eventId) },
  );
}
