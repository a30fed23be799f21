import pg from 'pg';
import { StoreError, toStoreError } from './store-error.ts';
import { columnsOf, firstOfEachId, objectionTo } from './stored-event.ts';
import type { StoredEvent, WireEvent } from './stored-event.ts';

const POOL = {
  max: 8,
  connectionTimeoutMillis: 5_000,
  statement_timeout: 10_000,
  /** On this side, for a server that no longer answers; longer, so that the server's own comes first. */
  query_timeout: 12_000,
  /** A writer that vanished inside a transaction does not keep its positions locked for longer. */
  idle_in_transaction_session_timeout: 10_000,
  keepAlive: true,
};
/** Rows of one INSERT: bounds a statement's memory and time; a longer batch takes several. */
const ROWS_PER_INSERT = 5_000;
/** Events of one correlation that `history` gives. */
const MAX_HISTORY = 10_000;

export interface SinkPartition {
  readonly topic: string;
  readonly partition: number;
}

export interface SinkPosition extends SinkPartition {
  /** Offset of the first record that is not stored yet. */
  readonly next: number;
}

/** The step of one partition's position that a batch stands for. */
export interface PositionMove extends SinkPartition {
  readonly from: number;
  readonly to: number;
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
  readonly #pool: pg.Pool;

  /** `reads`: Postgres itself refuses whatever this store would write (B-13, B-40). */
  constructor(connectionString: string, access: 'writes' | 'reads' = 'writes') {
    const options = access === 'reads' ? { options: '-c default_transaction_read_only=on' } : {};
    this.#pool = new pg.Pool({ ...POOL, ...options, connectionString });
    // An idle connection that breaks is taken out of the pool; the next statement opens another.
    this.#pool.on('error', ignore);
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
    return this.#transaction(`appending ${events.length} events of ${batch.sink}`, async (run) => {
      await movePositions(run, batch);
      let stored = 0;
      for (let at = 0; at < events.length; at += ROWS_PER_INSERT) {
        stored += await insertNew(run, events.slice(at, at + ROWS_PER_INSERT));
      }
      return stored;
    });
  }

  /** Every position of the sink, by topic and partition. */
  async positions(sink: string): Promise<readonly SinkPosition[]> {
    const rows = await this.#query<{ topic: string; partition: number; next: string }>(
      `reading the positions of ${sink}`,
      'SELECT topic, partition, next FROM positions WHERE sink = $1 ORDER BY topic, partition',
      [sink],
    );
    return rows.map(({ topic, partition, next }) => ({ topic, partition, next: Number(next) }));
  }

  /** Sets a position of 0 where the sink has none yet; what is there stays. */
  async ensurePositions(sink: string, partitions: readonly SinkPartition[]): Promise<void> {
    await this.#query(
      `setting the first positions of ${sink}`,
      `INSERT INTO positions (sink, topic, partition, next)
       SELECT $1, topic, partition, 0 FROM unnest($2::text[], $3::int[]) AS given(topic, partition)
       ORDER BY topic, partition
       ON CONFLICT DO NOTHING`,
      [sink, partitions.map(({ topic }) => topic), partitions.map(({ partition }) => partition)],
    );
  }

  /**
   * The events of one correlation by sequence, then time; empty when there is none.
   *
   * Shape: wire form; the payload's keys in the order jsonb keeps them, not the order they came in.
   * Limits: the first 10,000.
   */
  async history(correlationId: string): Promise<readonly WireEvent[]> {
    if (correlationId.includes('\u0000')) return [];
    const rows = await this.#query<WireRow>(`reading the history of ${correlationId}`, HISTORY, [
      correlationId,
      MAX_HISTORY,
    ]);
    return rows.map(toWire);
  }

  /** Throws: StoreError STORE_AWAY when Postgres does not answer within the time given. */
  async ping(timeoutMs: number): Promise<void> {
    const late = Promise.withResolvers<never>();
    const timer = setTimeout(() => {
      late.reject(
        new StoreError(
          'STORE_AWAY',
          `Postgres did not answer within ${timeoutMs} ms. See whether it runs and is overloaded.`,
        ),
      );
    }, timeoutMs);
    const answer = this.#query('asking Postgres whether it is there', 'SELECT 1', []);
    try {
      await Promise.race([answer, late.promise]);
    } finally {
      clearTimeout(timer);
      answer.catch(ignore);
    }
  }

  /** Order: once, last; waits for statements under way. */
  async close(): Promise<void> {
    await this.#pool.end();
  }

  async #query<Row extends pg.QueryResultRow>(
    doing: string,
    text: string,
    values: readonly unknown[],
  ): Promise<readonly Row[]> {
    try {
      return (await this.#pool.query<Row>(text, [...values])).rows;
    } catch (error) {
      throw toStoreError(error, doing);
    }
  }

  async #transaction<Result>(doing: string, work: (run: Run) => Promise<Result>): Promise<Result> {
    let client: pg.PoolClient | null = null;
    try {
      client = await this.#pool.connect();
      // The pool listens only while a client is idle; unheard, a break between two statements ends the process.
      client.on('error', ignore);
      const run = statementsOf(client);
      await run('BEGIN', []);
      const result = await work(run);
      await run('COMMIT', []);
      client.off('error', ignore);
      client.release();
      return result;
    } catch (error) {
      // Ending the connection rolls back, also where the server can no longer be told to.
      client?.release(true);
      throw toStoreError(error, doing);
    }
  }
}

/** Runs one statement in the transaction; returns the number of rows it touched. */
type Run = (text: string, values: readonly unknown[]) => Promise<number>;

function statementsOf(client: pg.PoolClient): Run {
  return async (text, values) => (await client.query(text, [...values])).rowCount ?? 0;
}

/** First in its transaction: of two writers the later waits for the row, then finds it moved. */
async function movePositions(run: Run, { sink, moves }: AppendBatch): Promise<void> {
  if (moves.length === 0) return;
  const moved = await run(
    `UPDATE positions SET next = move.until
     FROM unnest($2::text[], $3::int[], $4::bigint[], $5::bigint[])
       AS move(topic, partition, since, until)
     WHERE positions.sink = $1 AND positions.topic = move.topic
       AND positions.partition = move.partition AND positions.next = move.since`,
    [
      sink,
      moves.map(({ topic }) => topic),
      moves.map(({ partition }) => partition),
      moves.map(({ from }) => from),
      moves.map(({ to }) => to),
    ],
  );
  if (moved === moves.length) return;
  const list = moves.map(({ topic, partition, from }) => `${topic}/${partition} at ${from}`);
  throw new StoreError(
    'POSITION_TAKEN',
    `sink ${sink}: only ${moved} of ${moves.length} positions were where this writer left them ` +
      `(${list.join(', ')}); nothing was stored. Stop this writer; start from the stored positions.`,
  );
}

/** In the order of their ids, so that two writers of the same events never wait for each other in a ring. */
async function insertNew(run: Run, events: readonly StoredEvent[]): Promise<number> {
  const columns = columnsOf(events);
  return run(INSERT_NEW, [
    columns.micros,
    columns.eventIds,
    columns.types,
    columns.correlationIds,
    columns.causationIds,
    columns.payloads,
    columns.versions,
    columns.families,
    columns.sequences,
  ]);
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

const HISTORY = `
  SELECT event_id, to_char(time AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') AS timestamp,
    topic, correlation_id, causation_id, payload, version, sequence
  FROM events WHERE correlation_id = $1
  ORDER BY sequence NULLS LAST, time, event_id LIMIT $2`;

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

function ignore(): void {}
