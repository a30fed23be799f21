import type { Database } from './database.ts';

/** What is asked for: events by their ts_utc, of one instance or of all. */
export interface BotReportQuery {
  /** ISO 8601; null: from the first. */
  readonly from: string | null;
  /** ISO 8601, not included; null: to the last. */
  readonly to: string | null;
  readonly instance: string | null;
}

/** Events of one type of one instance. */
export interface BotCounts {
  readonly instance: string;
  /** `unknown` where it could not be read. */
  readonly type: string;
  readonly stored: number;
  readonly backfilled: number;
  readonly duplicate: number;
  readonly conflict: number;
  readonly invalid: number;
  /** Not stored, and without a correlation id. */
  readonly missing: number;
}

/** Milliseconds from ts_utc to ingest_ts_utc; below zero where the bot's clock is ahead. */
export interface BotLag {
  /** Null: of all. */
  readonly instance: string | null;
  readonly type: string | null;
  readonly p50: number;
  readonly p95: number;
  readonly min: number;
  readonly max: number;
}

/** Sequences of a producer that never came. */
export interface MissingSequences {
  readonly producer: string;
  readonly topic: string;
  readonly partition: number;
  readonly first: number;
  readonly last: number;
  readonly count: number;
  /** Whose they are; null: the producer carries events of several, or none came that would say. */
  readonly instance: string | null;
  /** Past everything that came: it may still be on its way. */
  readonly tail: boolean;
}

/** Records that were gone from the log before they were read. */
export interface LogGap {
  readonly topic: string;
  readonly partition: number;
  readonly from: number;
  readonly to: number;
}

/** Orders of an instance on one connector and pair. */
export interface BotOrders {
  readonly instance: string;
  readonly connector: string;
  readonly pair: string;
  readonly created: number;
  readonly cancelled: number;
  readonly failed: number;
  readonly filled: number;
}

export interface OrderFills {
  readonly instance: string;
  readonly client_order_id: string;
  readonly fills: number;
  readonly qty_base: string;
  readonly qty_quote: string;
}

/** What fills add up to; bought minus sold, by the side of their orders. */
export interface BotExposure {
  readonly instance: string;
  readonly connector: string;
  readonly pair: string;
  readonly net_base: string;
  readonly net_quote: string;
  /** Fills whose order is not known: no side, not in the sums. */
  readonly fills_without_order: number;
}

export interface BotSnapshot {
  readonly instance: string;
  readonly ts_utc: string;
  readonly payload: unknown;
}

export interface BotReportRows {
  readonly counts: readonly BotCounts[];
  readonly lags: readonly BotLag[];
  readonly missing: readonly MissingSequences[];
  readonly redelivered: number;
  readonly gaps: readonly LogGap[];
  readonly orders: readonly BotOrders[];
  readonly fills: readonly OrderFills[];
  readonly exposure: readonly BotExposure[];
  readonly snapshots: readonly BotSnapshot[];
}

/** Ranges of missing sequences, orders with fills, instances: the report lists no more of each. */
export const MAX_LISTED = 1_000;

/** The facts of a report, each by one statement. Throws: StoreError. Source: S-01, S-36…S-39. */
export async function botReportRows(
  database: Database,
  { from, to, instance }: BotReportQuery,
): Promise<BotReportRows> {
  const ask = async <Row extends object>(text: string): Promise<readonly Row[]> => {
    const rows = await database.query<Record<string, unknown>>('reporting on bots', text, [
      from,
      to,
      instance,
    ]);
    return rows.map(numbered) as unknown as readonly Row[];
  };
  const [stored, not, lags, missing, redelivered, gaps, orders, fills, exposure, snapshots] =
    await Promise.all([
      ask<BotCounts>(STORED),
      ask<BotCounts>(NOT_STORED),
      ask<BotLag>(LAGS),
      ask<MissingSequences>(MISSING),
      ask<{ redelivered: number }>(REDELIVERED),
      ask<LogGap>(GAPS),
      ask<BotOrders>(ORDERS),
      ask<OrderFills>(FILLS),
      ask<BotExposure>(EXPOSURE),
      ask<BotSnapshot>(SNAPSHOTS),
    ]);
  const counts = [...stored, ...not];
  const again = redelivered[0]?.redelivered ?? 0;
  return { counts, lags, missing, redelivered: again, gaps, orders, fills, exposure, snapshots };
}

/** pg gives bigint as text; decimals stay text. */
const DECIMALS = new Set(['net_base', 'net_quote', 'qty_base', 'qty_quote']);
const TEXTS = new Set(['client_order_id', 'instance', 'producer', 'connector', 'pair', 'type']);
function numbered(row: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(row).map(([name, value]) => {
      const isCount = typeof value === 'string' && /^-?\d+$/.test(value);
      return [name, isCount && !DECIMALS.has(name) && !TEXTS.has(name) ? Number(value) : value];
    }),
  );
}

const OWN = `
  ($1::timestamptz IS NULL OR ts_utc >= $1) AND ($2::timestamptz IS NULL OR ts_utc < $2)
  AND ($3::text IS NULL OR instance_name = $3)`;

const STORED = `
  SELECT instance_name AS instance, event_type AS type, count(*) AS stored,
    count(*) FILTER (WHERE schema_validation_status = 'backfilled') AS backfilled,
    0 AS duplicate, 0 AS conflict, 0 AS invalid, 0 AS missing
  FROM bot_events WHERE ${OWN} GROUP BY 1, 2`;

// What has no time of its own counts by when it came; $3 leaves out what names no instance.
const NOT_STORED = `
  SELECT coalesce(instance_name, 'unknown') AS instance, coalesce(event_type, 'unknown') AS type,
    0 AS stored, 0 AS backfilled,
    count(*) FILTER (WHERE outcome = 'duplicate') AS duplicate,
    count(*) FILTER (WHERE outcome = 'conflict') AS conflict,
    count(*) FILTER (WHERE outcome = 'invalid') AS invalid,
    count(*) FILTER (WHERE correlation_missing) AS missing
  FROM bot_not_stored
  WHERE ($1::timestamptz IS NULL OR coalesce(ts_utc, ingest_ts_utc) >= $1)
    AND ($2::timestamptz IS NULL OR coalesce(ts_utc, ingest_ts_utc) < $2)
    AND ($3::text IS NULL OR instance_name = $3)
  GROUP BY 1, 2`;

const LAG = `extract(epoch FROM ingest_ts_utc - ts_utc)::float8 * 1000`;
const LAGS = `
  SELECT instance_name AS instance, event_type AS type,
    percentile_disc(0.5) WITHIN GROUP (ORDER BY ${LAG}) AS p50,
    percentile_disc(0.95) WITHIN GROUP (ORDER BY ${LAG}) AS p95,
    min(${LAG}) AS min, max(${LAG}) AS max
  FROM bot_events WHERE ${OWN}
  GROUP BY GROUPING SETS ((instance_name, event_type), (instance_name), (event_type), ())
  HAVING count(*) > 0`;

// What was lost says nothing of itself. A producer whose other records, or those of its earlier incarnations, are all of one
// instance lost that one's; else nobody knows, and every instance that asks is told.
const WHOSE = `bool_or(several) OR count(DISTINCT instance_name) > 1 AS several,
  CASE WHEN NOT bool_or(several) AND count(DISTINCT instance_name) = 1 THEN min(instance_name) END AS instance`;
const PRODUCERS = `
  SELECT known.*, coalesce(own.instance, CASE WHEN NOT own.several THEN earlier.instance END) AS instance
  FROM bot_producers AS known
  JOIN (SELECT producer_id, ${WHOSE} FROM bot_producers GROUP BY 1) AS own USING (producer_id)
  JOIN (SELECT split_part(producer_id, '/', 1) AS id, ${WHOSE} FROM bot_producers GROUP BY 1) AS earlier
    ON earlier.id = split_part(producer_id, '/', 1)`;

const OF_PRODUCER = `
  ($1::timestamptz IS NULL OR last_ts_utc IS NULL OR last_ts_utc >= $1)
  AND ($2::timestamptz IS NULL OR first_ts_utc IS NULL OR first_ts_utc < $2)`;

const MISSING = `
  SELECT producer_id AS producer, topic, partition, instance,
    lower(gap) AS first, upper(gap) - 1 AS last, upper(gap) - lower(gap) AS count,
    lower(gap) >= coalesce(upper(held), 1) AS tail
  FROM (${PRODUCERS}) AS producer, unnest(int8multirange(
    int8range(1, greatest(declared + 1, coalesce(upper(held), 1)))) - held) AS gap
  WHERE ${OF_PRODUCER} AND ($3::text IS NULL OR instance IS NULL OR instance = $3)
  ORDER BY 1, 2, 3, 5`;

const REDELIVERED = `
  SELECT coalesce(sum(redelivered), 0)::bigint AS redelivered FROM (${PRODUCERS}) AS producer
  WHERE ${OF_PRODUCER} AND ($3::text IS NULL OR instance = $3)`;

const GAPS = `
  SELECT topic, partition, from_offset AS from, to_offset AS to FROM bot_log_gaps
  WHERE ($1::timestamptz IS NULL OR noticed_at >= $1)
    AND ($2::timestamptz IS NULL OR noticed_at < $2) AND $3::text IS NULL
  ORDER BY 1, 2, 3 LIMIT ${MAX_LISTED}`;

const ORDERS = `
  SELECT instance_name AS instance, connector_name AS connector, trading_pair AS pair,
    count(*) FILTER (WHERE event_type = 'order_created') AS created,
    count(*) FILTER (WHERE event_type = 'order_cancelled') AS cancelled,
    count(*) FILTER (WHERE event_type = 'order_failed') AS failed,
    count(*) FILTER (WHERE event_type = 'order_filled') AS filled
  FROM bot_events WHERE ${OWN} AND event_type LIKE 'order_%'
  GROUP BY 1, 2, 3 ORDER BY 1, 2, 3 LIMIT ${MAX_LISTED}`;

const FILLS = `
  SELECT instance_name AS instance, payload->>'client_order_id' AS client_order_id,
    count(*) AS fills, trim_scale(sum((payload->>'fill_qty_base')::numeric))::text AS qty_base,
    trim_scale(sum((payload->>'fill_qty_quote')::numeric))::text AS qty_quote
  FROM bot_events WHERE ${OWN} AND event_type = 'order_filled'
  GROUP BY 1, 2 ORDER BY max(ts_utc) DESC, 2 LIMIT ${MAX_LISTED}`;

// An order's side is looked for in all time: it may have been made before the window.
const EXPOSURE = `
  WITH fill AS (
    SELECT instance_name, connector_name, trading_pair, payload->>'client_order_id' AS id,
      sum((payload->>'fill_qty_base')::numeric) AS base,
      sum((payload->>'fill_qty_quote')::numeric) AS quote, count(*) AS fills
    FROM bot_events WHERE ${OWN} AND event_type = 'order_filled' GROUP BY 1, 2, 3, 4
  ), side AS (
    SELECT DISTINCT ON (1, 2) instance_name, payload->>'client_order_id' AS id,
      CASE payload->>'side' WHEN 'buy' THEN 1 ELSE -1 END AS sign
    FROM bot_events WHERE event_type = 'order_created'
      AND ($2::timestamptz IS NULL OR ts_utc < $2) AND ($3::text IS NULL OR instance_name = $3)
    ORDER BY 1, 2, ts_utc
  )
  SELECT instance_name AS instance, connector_name AS connector, trading_pair AS pair,
    trim_scale(coalesce(sum(sign * base), 0))::text AS net_base,
    trim_scale(coalesce(sum(-sign * quote), 0))::text AS net_quote,
    coalesce(sum(fills) FILTER (WHERE sign IS NULL), 0)::bigint AS fills_without_order
  FROM fill LEFT JOIN side USING (instance_name, id)
  GROUP BY 1, 2, 3 ORDER BY 1, 2, 3 LIMIT ${MAX_LISTED}`;

const SNAPSHOTS = `
  SELECT DISTINCT ON (instance_name) instance_name AS instance,
    to_char(ts_utc AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') AS ts_utc, payload
  FROM bot_events WHERE ${OWN} AND event_type = 'state_snapshot'
  ORDER BY instance_name, bot_events.ts_utc DESC, ingest_order DESC LIMIT ${MAX_LISTED}`;
