import { arrayBytes } from './array-bytes.ts';
import { takeMarks } from './bot-marks.ts';
import {
  type BotAppendReport,
  type BotBatch,
  type BotReject,
  type BotRow,
  type EventPart,
  eventParts,
  eventValues,
  INSERT_EVENTS,
  INSERT_NOT_STORED,
  type NotStored,
  notStoredValues,
  ROWS_PER_INSERT,
} from './bot-rows.ts';
import type { Database, Run } from './database.ts';
import { EventMonths } from './event-months.ts';
import {
  ensurePositions,
  movePositions,
  positionsOf,
  type SinkPartition,
  type SinkPosition,
} from './sink-positions.ts';

/** Days that get partitions of their own; rows of further days stand in bot_events_other. */
const MAX_DAYS = 2_000;
const DAY_MICROS = 86_400_000_000;

/** An event of a bot as the document writes it. */
export interface ChainEvent {
  readonly event_id: string;
  readonly event_type: string;
  readonly event_version: string;
  /** ISO 8601, UTC, six decimals. */
  readonly ts_utc: string;
  readonly producer: string;
  readonly instance_name: string;
  readonly controller_id: string;
  readonly connector_name: string;
  readonly trading_pair: string;
  readonly correlation_id: string;
  readonly causation_id: string | null;
  readonly payload: unknown;
}

/**
 * What bots said, append-only, in `bot_events` and `events`; what was not stored and why; and what producers say
 * they sent.
 *
 * Order: `ensurePositions` and `positions` before the first `append`, and again after any error of it.
 * Throws: StoreError from every method.
 * Source: S-30…S-36, S-41, S-45; docs/protocol.md, F23.
 */
export class BotStore {
  readonly #database: Database;
  readonly #months: EventMonths;
  readonly #days = new Set<number>();

  constructor(database: Database) {
    this.#database = database;
    this.#months = new EventMonths(database);
  }

  positions(sink: string): Promise<readonly SinkPosition[]> {
    return positionsOf(this.#database, sink);
  }

  ensurePositions(sink: string, partitions: readonly SinkPartition[]): Promise<void> {
    return ensurePositions(this.#database, sink, partitions);
  }

  /**
   * Stores what is new, notes what is not, and moves the positions, all or nothing.
   *
   * Throws: StoreError POSITION_TAKEN (stop), STORE_AWAY (retry, from what `positions` says), INVALID when a payload
   * is nothing that Postgres can hold: `unstorable` says which.
   */
  async append(batch: BotBatch): Promise<BotAppendReport> {
    await this.#makeDays(batch.events);
    const { events, rejects, statements } = batch;
    const parts = batch.parts ?? (await eventParts(events));
    const doing = `appending ${events.length} events of bots`;
    return this.#database.transaction(doing, async (run) => {
      await movePositions(run, batch);
      const again = await takeMarks(run, [...events, ...rejects], statements);
      const { stored, known } = await insertNew(run, parts);
      const found = await compare(run, known);
      const duplicates = found.same.filter((row) => !again.has(row));
      const fresh = rejects.filter((row) => !again.has(row));
      await insertNotStored(run, [
        ...duplicates.map((row) => notStored(row, 'duplicate')),
        ...found.other.map((row) => notStored(row, 'conflict')),
        ...fresh.map(rejected),
      ]);
      await noteGaps(run, batch);
      const redelivered = again.size;
      return { stored, duplicates, conflicts: found.other, redelivered };
    });
  }

  /**
   * The events of one correlation by ts_utc, then in the order in which they came; empty when there is none.
   *
   * Limits: the first 10,000.
   */
  async chain(correlationId: string): Promise<readonly ChainEvent[]> {
    if (!UUID.test(correlationId)) return [];
    return this.#database.query<ChainEvent>(`reading the chain of ${correlationId}`, CHAIN, [
      correlationId.toLowerCase(),
      MAX_CHAIN,
    ]);
  }

  /** Those of the events that are stored. */
  async known(eventIds: readonly string[]): Promise<readonly string[]> {
    const rows = await this.#database.query<{ event_id: string }>(
      `looking for ${eventIds.length} events of bots`,
      'SELECT event_id FROM event_dedup WHERE event_id = ANY($1)',
      [eventIds],
    );
    return rows.map(({ event_id }) => event_id);
  }

  /** Those of the events whose payload is no jsonb. */
  async unstorable(events: readonly BotRow[]): Promise<readonly BotRow[]> {
    const refused: BotRow[] = [];
    for (const event of events) {
      const [row] = await this.#database.query<{ fits: boolean }>(
        `asking whether ${event.eventId} can be stored`,
        `SELECT pg_input_is_valid($1, 'jsonb') AS fits`,
        [event.payload],
      );
      if (row?.fits !== true) refused.push(event);
    }
    return refused;
  }

  /**
   * Makes the partitions of the days from yesterday on, and of the months of `events`; takes the days out that are older
   * than they are kept.
   *
   * Order: at start and each hour. Returns what it did.
   */
  async keepPartitions(options: {
    readonly nowMicros: number;
    readonly daysAhead: number;
    /** 0: all are kept. */
    readonly retentionDays: number;
  }): Promise<{
    /** Days of bot_events. */
    readonly made: number;
    /** Months of events. */
    readonly months: number;
    readonly detached: readonly string[];
  }> {
    const { nowMicros, daysAhead, retentionDays } = options;
    const today = Math.floor(nowMicros / DAY_MICROS);
    const months = await this.#months.keep(nowMicros);
    let made = 0;
    for (let day = today - 1; day <= today + daysAhead; day++) made += await this.#makeDay(day);
    if (retentionDays === 0) return { made, months, detached: [] };
    const rows = await this.#database.query<{ name: string }>(
      'detaching old days of bot_events',
      `SELECT bot_events_detach_before(date '1970-01-01' + $1::int) AS name`,
      [today - retentionDays],
    );
    return { made, months, detached: rows.map(({ name }) => name) };
  }

  /** Events that producers say they sent and that have not come, over all time. */
  async unexplained(): Promise<number> {
    const [row] = await this.#database.query<{ count: string }>(
      'counting what never came',
      `SELECT coalesce(sum(upper(gap) - lower(gap)), 0) AS count FROM bot_producers, unnest(
         int8multirange(int8range(1, greatest(declared + 1, coalesce(upper(held), 1)))) - held) AS gap`,
    );
    return Number(row?.count ?? 0);
  }

  /** Late and early events get the partitions of their days too. */
  async #makeDays(events: readonly BotRow[]): Promise<void> {
    await this.#months.makeFor(events.map(({ tsMicros }) => tsMicros));
    const days = new Set(events.map(({ tsMicros }) => Math.floor(tsMicros / DAY_MICROS)));
    for (const day of days) if (!this.#days.has(day)) await this.#makeDay(day);
  }

  async #makeDay(day: number): Promise<number> {
    if (this.#days.size >= MAX_DAYS) return 0;
    const [row] = await this.#database.query<{ made: boolean }>(
      'making a partition of bot_events',
      `SELECT (SELECT count(*) FROM pg_inherits WHERE inhparent = 'bot_events'::regclass) < $2
         AND bot_events_make_day(date '1970-01-01' + $1::int) AS made`,
      [day, MAX_DAYS],
    );
    this.#days.add(day);
    return row?.made === true ? 1 : 0;
  }
}

interface Inserted {
  readonly stored: readonly BotRow[];
  /** Their event_id was there already, or came twice. */
  readonly known: readonly BotRow[];
}

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;
const MAX_CHAIN = 10_000;

// The times of a correlation stand in `events`, by an index; they say which partitions to look at.
/** Of a correlation, at most so many. Values: its id, how many. */
export const CHAIN = `
  SELECT event_id, event_type, 'v' || event_version AS event_version,
    to_char(ts_utc AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') AS ts_utc, producer,
    instance_name, controller_id, connector_name, trading_pair, correlation_id, causation_id, payload
  FROM bot_events WHERE correlation_id = $1::text::uuid
    AND ts_utc >= (SELECT min(time) FROM events WHERE correlation_id = $1)
    AND ts_utc <= (SELECT max(time) FROM events WHERE correlation_id = $1)
  ORDER BY bot_events.ts_utc, ingest_order LIMIT $2`;

/** In the order of their ids, so that two writers of the same events never wait for each other in a ring. */
async function insertNew(run: Run, parts: readonly EventPart[]): Promise<Inserted> {
  const stored: BotRow[] = [];
  const known: BotRow[] = [];
  for (const { rows: part, values } of parts) {
    const { rows } = await run<{ event_id: string }>(
      `INSERT INTO event_dedup SELECT id FROM unnest($1::text[]) AS given(id) ORDER BY id
       ON CONFLICT DO NOTHING RETURNING event_id`,
      [
        arrayBytes(
          'text',
          part.map(({ eventId }) => eventId),
        ),
      ],
    );
    const fresh = new Set(rows.map(({ event_id }) => event_id));
    // The first of an id is the new one; `delete` says no the second time.
    const own = part.filter((row) => (fresh.delete(row.eventId) ? true : (known.push(row), false)));
    const ownValues = own.length === part.length ? values : eventValues(own);
    if (own.length > 0) await run(INSERT_EVENTS, ownValues);
    stored.push(...own);
  }
  return { stored, known };
}

interface Compared {
  readonly same: readonly BotRow[];
  readonly other: readonly BotRow[];
}

/** Tells repeats from conflicts, and leaves out rows that are the stored record itself, read once more. */
async function compare(run: Run, known: readonly BotRow[]): Promise<Compared> {
  const same: BotRow[] = [];
  const other: BotRow[] = [];
  if (known.length === 0) return { same, other };
  const { rows } = await run<{ id: string; hash: Buffer; source: string }>(
    `SELECT event_id AS id, content_hash AS hash,
       source_topic || '/' || source_partition || '/' || source_offset AS source
     FROM bot_events WHERE (ts_utc, instance_name, event_id) IN (
       SELECT timestamptz 'epoch' + micros * interval '1 microsecond', instance, id
       FROM unnest($1::bigint[], $2::text[], $3::uuid[]) AS given(micros, instance, id))`,
    [
      known.map(({ tsMicros }) => tsMicros),
      known.map(({ instanceName }) => instanceName),
      known.map(({ eventId }) => eventId),
    ],
  );
  const byId = new Map(rows.map((row) => [row.id, row]));
  for (const row of known) {
    const first = byId.get(row.eventId);
    if (first?.source === `${row.topic}/${row.partition}/${row.offset}`) continue;
    const isSame = first !== undefined && first.hash.equals(row.contentHash);
    (isSame ? same : other).push(row);
  }
  return { same, other };
}

async function insertNotStored(run: Run, rows: readonly NotStored[]): Promise<void> {
  for (let at = 0; at < rows.length; at += ROWS_PER_INSERT)
    await run(INSERT_NOT_STORED, notStoredValues(rows.slice(at, at + ROWS_PER_INSERT)));
}

function notStored(row: BotRow, outcome: 'duplicate' | 'conflict'): NotStored {
  const isConflict = outcome === 'conflict';
  return {
    ...row,
    outcome,
    field: isConflict ? 'event_id' : null,
    code: isConflict ? 'CONFLICT' : null,
    message: isConflict ? 'stored before under this event_id with another content' : null,
    correlationMissing: row.status === 'backfilled',
    raw: isConflict ? row.raw : null,
  };
}

function rejected(row: BotReject): NotStored {
  return { ...row, outcome: 'invalid', status: 'invalid' };
}

async function noteGaps(run: Run, { gaps }: BotBatch): Promise<void> {
  if (gaps.length === 0) return;
  await run(
    `INSERT INTO bot_log_gaps (topic, partition, from_offset, to_offset)
     SELECT * FROM unnest($1::text[], $2::int[], $3::bigint[], $4::bigint[])
     ON CONFLICT DO NOTHING`,
    [
      gaps.map(({ topic }) => topic),
      gaps.map(({ partition }) => partition),
      gaps.map(({ from }) => from),
      gaps.map(({ to }) => to),
    ],
  );
}
