import {
  type BotCounts,
  type BotLag,
  type BotReportQuery,
  type BotReportRows,
  botReportRows,
  type BotStore,
  type Database,
  MAX_LISTED,
  type MissingSequences,
} from '../connectors/postgres/index.ts';
import type { KafkaAdmin } from '../kafka/client.ts';
import type { TopicNames } from '../kafka/topic-names.ts';
import { PAPER } from './bot-metrics.ts';
import { BOT_TOPIC } from './bot-record.ts';
import { BOT_SINK } from './bot-sink.ts';

/** One of the four hooks over a group of events. Source: S-36…S-39. */
export interface BotFigures {
  /** What producers say they sent: stored + explained + unexplained. */
  readonly source: number;
  readonly stored: number;
  /** source - stored. */
  readonly delta: number;
  readonly explained: {
    readonly duplicate: number;
    readonly conflict: number;
    readonly invalid: number;
  };
  readonly unexplained: number;
  readonly missing_correlation: { readonly count: number; readonly ratio: number };
  readonly invalid_schema: { readonly count: number; readonly ratio: number };
  /** Null: nothing is stored. */
  readonly lag_ms: Pick<BotLag, 'p50' | 'p95' | 'min' | 'max'> | null;
}

/** Sequences that never came; `sequence` where it is one. */
export interface UnexplainedEvents {
  readonly producer: string;
  readonly topic: string;
  readonly partition: number;
  readonly sequence: number;
  readonly last_sequence: number;
  readonly count: number;
  /** Null: it cannot be told whose they are; a report on one instance lists them, and counts them nowhere. */
  readonly instance: string | null;
}

/** Orders of one side of an instance: live or on paper. */
export interface OrderCounts {
  readonly created: number;
  readonly cancelled: number;
  readonly failed: number;
  readonly filled: number;
}

export interface BotReport {
  readonly from: string | null;
  readonly to: string | null;
  readonly instance: string | null;
  readonly total: BotFigures;
  readonly types: Readonly<Record<string, BotFigures>>;
  readonly instances: Readonly<Record<string, object>>;
  readonly unexplained: readonly UnexplainedEvents[];
  readonly log_gaps: BotReportRows['gaps'];
  /** Records on the log that are not read yet; null where the broker does not say. */
  readonly pending: number | null;
  readonly redelivered: number;
}

/** What is on the log and not read yet, by `topic/partition`. */
type Unread = ReadonlyMap<string, number>;

/** Reports on bots from the store, and from how far it is behind the log. Throws: StoreError. */
export class BotReports {
  readonly #database: Database;
  readonly #store: BotStore;
  readonly #admin: KafkaAdmin;
  readonly #names: TopicNames;

  constructor(options: {
    readonly database: Database;
    readonly store: BotStore;
    readonly admin: KafkaAdmin;
    readonly names: TopicNames;
  }) {
    this.#database = options.database;
    this.#store = options.store;
    this.#admin = options.admin;
    this.#names = options.names;
  }

  async report(query: BotReportQuery): Promise<BotReport> {
    // First, so that what comes meanwhile is not taken for read.
    const unread = await this.#unread();
    const rows = await botReportRows(this.#database, query);
    return botReport(query, rows, unread);
  }

  async #unread(): Promise<Unread | null> {
    try {
      const positions = await this.#store.positions(BOT_SINK);
      const topics = [BOT_TOPIC.avro, BOT_TOPIC.json, BOT_TOPIC.redrive];
      const unread = new Map<string, number>();
      for (const topic of topics) {
        const ends = await this.#admin.offsets(this.#names.physical(topic));
        for (const [partition, { start, end }] of ends.entries()) {
          const at = positions.find((one) => one.topic === topic && one.partition === partition);
          unread.set(`${topic}/${partition}`, end - Math.max(start, at?.next ?? 0));
        }
      }
      return unread;
    } catch (error) {
      if ((error as { code?: unknown }).code === 'STORE_AWAY') throw error;
      return null;
    }
  }
}

/** The rows as a report. What is missing past all that came counts as lost once the log has nothing unread there. */
export function botReport(
  query: BotReportQuery,
  rows: BotReportRows,
  unread: Unread | null,
): BotReport {
  const missing = rows.missing.flatMap((gap) => lost(gap, unread));
  const countOf = (gaps: readonly MissingSequences[]): number =>
    gaps.reduce((sum, { count }) => sum + count, 0);
  const figures = (of: Pick<BotLag, 'instance' | 'type'>): BotFigures => {
    const counts = rows.counts.filter(
      ({ instance, type }) =>
        (of.instance === null || instance === of.instance) &&
        (of.type === null || type === of.type),
    );
    // Of what never came nobody knows the type, unless it is all there is to say.
    const whose = of.instance ?? query.instance;
    const gaps = missing.filter(({ instance }) => whose === null || instance === whose);
    const unexplained = of.type === null || of.type === UNKNOWN ? countOf(gaps) : 0;
    const lag = rows.lags.find(
      ({ instance, type }) => instance === of.instance && type === of.type,
    );
    return figuresOf(counts, unexplained, lag ?? null);
  };
  const types = named(
    rows.counts.map(({ type }) => type),
    missing.some(({ instance }) => query.instance === null || instance === query.instance),
  );
  const losers = missing.flatMap(({ instance }) => instance ?? []);
  const instances = named([...rows.counts.map(({ instance }) => instance), ...losers]);
  return {
    ...query,
    total: figures({ instance: null, type: null }),
    types: Object.fromEntries(types.map((type) => [type, figures({ instance: null, type })])),
    instances: Object.fromEntries(
      instances.map((instance) => {
        const own = rows.counts.filter((row) => row.instance === instance).map(({ type }) => type);
        const ofType = named(own).map((type) => [type, figures({ instance, type })] as const);
        return [
          instance,
          {
            total: figures({ instance, type: null }),
            types: Object.fromEntries(ofType),
            ...purposes(rows, instance),
          },
        ];
      }),
    ),
    unexplained: missing.slice(0, MAX_LISTED).map(shown),
    log_gaps: rows.gaps,
    pending: unread === null ? null : [...unread.values()].reduce((sum, each) => sum + each, 0),
    redelivered: rows.redelivered,
  };
}

const UNKNOWN = 'unknown';

function named(names: readonly string[], more = false): readonly string[] {
  return [...new Set(more ? [...names, UNKNOWN] : names)].sort().slice(0, MAX_LISTED);
}

/** What of a gap is no more on its way. */
function lost(gap: MissingSequences, unread: Unread | null): readonly MissingSequences[] {
  if (!gap.tail) return [gap];
  if (unread === null) return [];
  const count = gap.count - (unread.get(`${gap.topic}/${gap.partition}`) ?? 0);
  return count > 0 ? [{ ...gap, count, first: gap.last - count + 1 }] : [];
}

function shown({ producer, topic, partition, instance, ...gap }: MissingSequences) {
  const { first: sequence, last: last_sequence, count } = gap;
  return { producer, topic, partition, sequence, last_sequence, count, instance };
}

function figuresOf(
  counts: readonly BotCounts[],
  unexplained: number,
  lag: BotLag | null,
): BotFigures {
  const sum = (name: Exclude<keyof BotCounts, 'instance' | 'type'>): number =>
    counts.reduce((total, row) => total + row[name], 0);
  const stored = sum('stored');
  const explained = {
    duplicate: sum('duplicate'),
    conflict: sum('conflict'),
    invalid: sum('invalid'),
  };
  const seen = stored + explained.duplicate + explained.conflict + explained.invalid;
  const source = seen + unexplained;
  const ratioOf = (count: number) => ({ count, ratio: seen === 0 ? 0 : count / seen });
  return {
    source,
    stored,
    delta: source - stored,
    explained,
    unexplained,
    missing_correlation: ratioOf(sum('backfilled') + sum('missing')),
    invalid_schema: ratioOf(explained.invalid),
    lag_ms: lag === null ? null : { p50: lag.p50, p95: lag.p95, min: lag.min, max: lag.max },
  };
}

/** The purposes of the contract for one instance (S-01). */
function purposes(rows: BotReportRows, instance: string): object {
  const own = <Row extends { readonly instance: string }>(all: readonly Row[]) =>
    all.filter((row) => row.instance === instance).map(({ instance: _, ...rest }) => rest);
  const orders = rows.orders.filter((row) => row.instance === instance);
  const live = total(orders.filter(({ connector }) => !PAPER.test(connector)));
  const paper = total(orders.filter(({ connector }) => PAPER.test(connector)));
  return {
    orders: { ...total(orders), by_connector: own(orders) },
    fills_per_order: own(rows.fills),
    live_vs_paper: { live, paper, difference: difference(live, paper) },
    exposure: own(rows.exposure),
    last_snapshot: own(rows.snapshots)[0] ?? null,
  };
}

function total(orders: readonly OrderCounts[]): OrderCounts {
  const sum = (name: keyof OrderCounts): number =>
    orders.reduce((count, row) => count + row[name], 0);
  return {
    created: sum('created'),
    cancelled: sum('cancelled'),
    failed: sum('failed'),
    filled: sum('filled'),
  };
}

function difference(live: OrderCounts, paper: OrderCounts): OrderCounts {
  return {
    created: live.created - paper.created,
    cancelled: live.cancelled - paper.cancelled,
    failed: live.failed - paper.failed,
    filled: live.filled - paper.filled,
  };
}
