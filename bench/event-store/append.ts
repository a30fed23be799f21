import {
  BotStore,
  type BotRow,
  Database,
  type EventPart,
  eventParts,
} from '../../connectors/postgres/index.ts';
import { INSERT_EVENTS } from '../../connectors/postgres/bot-rows.ts';
import { VoidRunError } from '../latency/audit.ts';
import { botRows } from './rows.ts';

/** Events of one transaction: what the sink of bots puts into one when it has a backlog. */
const BATCH = 10_000;
/** Partitions that are appended at the same time, as sinks of a coordinator are. */
const WRITERS = 2;

/**
 * Events a second into `events`, `bot_events` and `event_dedup` with all their indexes, positions and producers' numbers
 * moved in the same transactions; each event is made before the clock starts. `look` is called before and after.
 *
 * Throws: VoidRunError when a row is missing.
 */
export async function appendRate(
  databaseUrl: string,
  events: number,
  look: () => Promise<void>,
): Promise<number> {
  const database = new Database(databaseUrl);
  const store = new BotStore(database);
  try {
    const partitions = Array.from({ length: WRITERS }, (_, partition) => partition);
    const [before = 0] = await counts(database);
    const sink = `bench-${crypto.randomUUID()}`;
    await store.ensurePositions(
      sink,
      partitions.map((partition) => ({ topic: 'orders', partition })),
    );
    const own = partitions.map((partition) => botRows(Math.floor(events / WRITERS), partition));
    await look();
    const startedAt = performance.now();
    await Promise.all(own.map((rows, partition) => write(store, rows, { sink, partition })));
    const seconds = (performance.now() - startedAt) / 1_000;
    await look();
    const found = await counts(database);
    const made = own.reduce((sum, { length }) => sum + length, 0);
    if (found.some((count) => count - before !== made))
      throw new VoidRunError(
        `${made} events were appended, and the tables grew to ${found.join(', ')}.`,
      );
    return made / seconds;
  } finally {
    await database.close();
  }
}

/** The next batch is taken apart while Postgres works at the one before, as the sink does it. */
async function write(
  store: BotStore,
  rows: readonly BotRow[],
  { sink, partition }: { readonly sink: string; readonly partition: number },
): Promise<void> {
  let ready: Promise<readonly EventPart[]> = eventParts(rows.slice(0, BATCH));
  for (let from = 0; from < rows.length; from += BATCH) {
    const events = rows.slice(from, from + BATCH);
    const parts = await ready;
    ready = eventParts(rows.slice(from + BATCH, from + 2 * BATCH));
    const moves = [{ topic: 'orders', partition, from, to: from + events.length }];
    const batch = { sink, moves, events, parts, rejects: [], statements: [], gaps: [] };
    const { stored } = await store.append(batch);
    if (stored.length !== events.length)
      throw new VoidRunError(`${stored.length} of ${events.length} events of a batch were new.`);
  }
}

async function counts(database: Database): Promise<readonly number[]> {
  const rows = await database.query<{ rows: string }>(
    'counting',
    `SELECT count(*) AS rows FROM events UNION ALL SELECT count(*) FROM bot_events
     UNION ALL SELECT count(*) FROM event_dedup`,
  );
  return rows.map(({ rows: count }) => Number(count));
}

/**
 * The floor of that: the same bytes by the same driver into two bare tables, of the same batches and writers, without an
 * index, a partition, an id looked for, or a position.
 */
export async function bareRate(databaseUrl: string, events: number): Promise<number> {
  const database = new Database(databaseUrl);
  try {
    await database.query('making the bare tables', BARE_TABLES);
    const own = Array.from({ length: WRITERS }, (_, partition) =>
      botRows(Math.floor(events / WRITERS), partition),
    );
    const startedAt = performance.now();
    await Promise.all(own.map((rows) => writeBare(database, rows)));
    return events / ((performance.now() - startedAt) / 1_000);
  } finally {
    await database.query('dropping the bare tables', 'DROP TABLE bare_events, bare_bot_events');
    await database.close();
  }
}

async function writeBare(database: Database, rows: readonly BotRow[]): Promise<void> {
  for (let from = 0; from < rows.length; from += BATCH) {
    const parts = await eventParts(rows.slice(from, from + BATCH));
    await database.transaction('writing bare rows', async (run) => {
      for (const { values } of parts) await run(BARE_INSERT, values);
    });
  }
}

const BARE_TABLES = `
  CREATE TABLE bare_events AS SELECT * FROM events LIMIT 0;
  CREATE TABLE bare_bot_events AS SELECT * FROM bot_events LIMIT 0`;

const BARE_INSERT = INSERT_EVENTS.replace('INTO events', 'INTO bare_events').replace(
  'INTO bot_events',
  'INTO bare_bot_events',
);
