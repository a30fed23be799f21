import pg from 'pg';
import { type Database, EventStore } from '../../connectors/postgres/index.ts';
import { VoidRunError } from '../latency/audit.ts';
import { Latencies, type Percentiles } from '../latency/summary.ts';

/** Events of one correlation, as an intent has them. */
const EVENTS_EACH = 8;
/** Correlations whose events come in turns, so that those of one lie apart on the disk. */
const AT_ONCE = 100;
/** Months over which the events are spread, up to this one. */
const MONTHS = 24;
const ROWS_PER_FILL = 250_000;

export interface HistoryFigures {
  /** From the call to the parsed events. */
  readonly history: Percentiles;
  /** The floor: a statement that reads nothing, on the same connections. */
  readonly roundTrip: Percentiles;
}

/**
 * Fills `events` with so many rows and asks for histories of correlations drawn at random, one after another.
 *
 * Throws: VoidRunError when one has not its events.
 */
export async function historyLatencies(
  databaseUrl: string,
  plan: { readonly rows: number; readonly histories: number },
  tell: (line: string) => void,
): Promise<HistoryFigures> {
  const correlations = Math.floor(plan.rows / EVENTS_EACH / AT_ONCE) * AT_ONCE;
  await fill(databaseUrl, correlations * EVENTS_EACH, tell);
  const store = new EventStore(databaseUrl, 'reads');
  const [history, roundTrip] = [new Latencies(), new Latencies()];
  try {
    for (let asked = 0; asked < plan.histories; asked++) {
      const correlation = Math.floor(Math.random() * correlations);
      const [{ id } = { id: '' }] = await timed(roundTrip, () => idOf(store.database, correlation));
      const events = await timed(history, () => store.history(id));
      if (events.length !== EVENTS_EACH)
        throw new VoidRunError(`${id} has ${events.length} of its ${EVENTS_EACH} events.`);
    }
    return { history: history.percentiles, roundTrip: roundTrip.percentiles };
  } finally {
    await store.close();
  }
}

async function timed<Result>(into: Latencies, work: () => Promise<Result>): Promise<Result> {
  const startedAt = performance.now();
  const result = await work();
  into.record(performance.now() - startedAt);
  return result;
}

const CORRELATION = `'intent-' || md5(%)::uuid`;

function idOf(database: Database, correlation: number): Promise<readonly { id: string }[]> {
  const id = CORRELATION.replace('%', '$1::text');
  return database.query('asking for an id', `SELECT ${id} AS id`, [String(correlation)]);
}

/** Straight into the table, and its indexes made afterwards: what is measured is reading. */
async function fill(databaseUrl: string, rows: number, tell: (line: string) => void) {
  const client = new pg.Client({ connectionString: databaseUrl });
  await client.connect();
  try {
    await client.query(
      "SELECT events_make_month((now() - month * interval '1 month')::date) FROM generate_series(0, $1::int) AS month",
      [MONTHS],
    );
    await client.query(DROP_INDEXES);
    for (let from = 0; from < rows; from += ROWS_PER_FILL) {
      await client.query(FILL, [from, Math.min(rows, from + ROWS_PER_FILL) - 1, rows, MONTHS]);
      tell(`${Math.min(rows, from + ROWS_PER_FILL)} of ${rows} events are there`);
    }
    tell('making the indexes');
    await client.query(MAKE_INDEXES);
    await client.query('VACUUM ANALYZE events');
    await client.query('CHECKPOINT');
  } finally {
    await client.end();
  }
}

const DROP_INDEXES = `
  ALTER TABLE events DROP CONSTRAINT events_pkey;
  DROP INDEX events_topic_time, events_correlation_time`;

/** As the migrations have them. */
const MAKE_INDEXES = `
  SET maintenance_work_mem = '256MB';
  ALTER TABLE events ADD PRIMARY KEY (event_id, time);
  CREATE INDEX events_topic_time ON events (topic, time DESC);
  CREATE INDEX events_correlation_time ON events (correlation_id, time DESC)`;

/** Event n: the step n % 800 / 100 of correlation n / 800 * 100 + n % 100. */
const FILL = `
  INSERT INTO events (time, event_id, topic, correlation_id, causation_id, payload, version, family, sequence)
  SELECT now() - (1 - n / $3::float8) * $4::int * interval '30 days', md5('event' || n)::uuid::text,
    (ARRAY['intent.submitted', 'risk.approved', 'intent.accepted', 'plan.created', 'exec.started',
      'exec.step_submitted', 'exec.step_filled', 'exec.completed'])[(n % 800 / 100)::int + 1],
    ${CORRELATION.replace('%', '(n / 800 * 100 + n % 100)::text')},
    CASE WHEN n % 800 < 100 THEN NULL ELSE md5('event' || n - 100)::uuid::text END,
    jsonb_build_object('intentId', md5(n::text), 'strategyId', 'desk-' || n % 50, 'base', 'WETH', 'quote', 'USDC',
      'amount_in', '0.1', 'notional_usd', '300', 'max_slippage', '0.01'),
    1, 'TRADING', n % 800 / 100 + 1
  FROM generate_series($1::bigint, $2::bigint) AS n`;
