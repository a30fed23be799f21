import { Counter, Gauge, Histogram, type Registry } from 'prom-client';
import { BOT_EVENTS, BOT_RULES } from '../avro/index.ts';
import type { BotRow } from '../connectors/postgres/index.ts';
import type { BotSinkObserver } from './bot-sink.ts';

/** A bot's clock may be ahead: what comes before it happened counts below zero (S-39). */
const LAG_BUCKETS = [
  -86_400, -3_600, -60, -1, 0, 0.05, 0.1, 0.25, 0.5, 1, 3, 10, 60, 3_600, 86_400,
];
/** Instances whose state is known: more than run, and a bound for whoever makes names up. */
const MAX_INSTANCES = 10_000;
const STATES =
  BOT_RULES.events['state_snapshot']?.payload.find(({ name }) => name === 'state')?.values ?? [];
/** Connectors that trade on paper end so. */
export const PAPER = /_paper_trade$/;
const ORDERS = /^order_/;
const TYPES: ReadonlySet<string> = new Set(BOT_EVENTS.map(({ type }) => type));

/** The metrics of the way from bots to the store. Source: S-01, S-36…S-39. */
export function botMetrics(registers: Registry[]) {
  return {
    botEventsTotal: new Counter({
      name: 'millrace_bot_events_total',
      help: 'Events of bots read, by type, way in, and what became of them.',
      labelNames: ['type', 'source', 'outcome'] as const,
      registers,
    }),
    botMissingCorrelationTotal: new Counter({
      name: 'millrace_bot_missing_correlation_total',
      help: 'Events of bots that came without a correlation id, stored or not.',
      labelNames: ['type'] as const,
      registers,
    }),
    botRedeliveredTotal: new Counter({
      name: 'millrace_bot_redelivered_total',
      help: 'Records of bots that came again under the sequence they had; their producer counts them once.',
      registers,
    }),
    botEventLagSeconds: new Histogram({
      name: 'millrace_bot_event_lag_seconds',
      help: 'Seconds from ts_utc to the commit, of stored events; below zero where the clock of the bot is ahead.',
      labelNames: ['type'] as const,
      buckets: LAG_BUCKETS,
      registers,
    }),
    botOrdersTotal: new Counter({
      name: 'millrace_bot_orders_total',
      help: 'Stored events of orders, by what became of the order (created, cancelled, failed, filled) and live or paper.',
      labelNames: ['event', 'venue'] as const,
      registers,
    }),
    botInstances: new Gauge({
      name: 'millrace_bot_instances',
      help: 'Instances by the state of their last snapshot, of those that sent one since this process began.',
      labelNames: ['state'] as const,
      registers,
    }),
    botUnexplained: new Gauge({
      name: 'millrace_bot_unexplained_events',
      help: 'Events that producers say they sent and that never came, over all time.',
      registers,
    }),
  };
}

type BotMetrics = ReturnType<typeof botMetrics>;

/** Turns what the sink reports into metrics. What a label would have no bound for, or no unit, is in the report alone. */
export function botObserver(metrics: BotMetrics, nowMicros: () => number): BotSinkObserver {
  const states = new InstanceStates(metrics);
  return {
    stored({ stored, duplicates, conflicts, redelivered }, rejects) {
      const now = nowMicros();
      const count = (outcome: string, rows: readonly Counted[]): void => {
        for (const [{ type, source }, number] of tally(rows))
          metrics.botEventsTotal.inc({ type, source, outcome }, number);
      };
      count('stored', stored);
      count('duplicate', duplicates);
      count('conflict', conflicts);
      count('invalid', rejects);
      metrics.botRedeliveredTotal.inc(redelivered);
      for (const row of stored) {
        const type = row.eventType;
        metrics.botEventLagSeconds.observe({ type }, (now - row.tsMicros) / 1e6);
        if (row.status === 'backfilled') metrics.botMissingCorrelationTotal.inc({ type });
        if (type === 'state_snapshot') states.take(row);
        if (!ORDERS.test(type)) continue;
        const venue = PAPER.test(row.connectorName) ? 'paper' : 'live';
        metrics.botOrdersTotal.inc({ event: type.replace(ORDERS, ''), venue });
      }
      for (const { eventType, correlationMissing } of rejects)
        if (correlationMissing) metrics.botMissingCorrelationTotal.inc({ type: known(eventType) });
    },
  };
}

/** The last snapshot of each instance, by ts_utc. */
class InstanceStates {
  readonly #gauge: BotMetrics['botInstances'];
  readonly #last = new Map<string, { readonly micros: number; readonly state: string }>();

  constructor({ botInstances }: BotMetrics) {
    this.#gauge = botInstances;
    for (const state of STATES) botInstances.set({ state }, 0);
  }

  take({ instanceName, tsMicros: micros, payload }: BotRow): void {
    const before = this.#last.get(instanceName);
    if (before !== undefined ? before.micros > micros : this.#last.size >= MAX_INSTANCES) return;
    const { state } = JSON.parse(payload) as { readonly state: string };
    this.#last.set(instanceName, { micros, state });
    if (before !== undefined) this.#gauge.dec({ state: before.state });
    this.#gauge.inc({ state });
  }
}

interface Counted {
  readonly eventType: string | null;
  readonly ingestSource: string;
}

function tally(rows: readonly Counted[]) {
  const groups = new Map<string, [{ readonly type: string; readonly source: string }, number]>();
  for (const { eventType, ingestSource: source } of rows) {
    const type = known(eventType);
    const group = groups.get(`${type}/${source}`);
    if (group === undefined) groups.set(`${type}/${source}`, [{ type, source }, 1]);
    else group[1] += 1;
  }
  return groups.values();
}

/** A label never takes what somebody made up. */
function known(type: string | null): string {
  return type !== null && TYPES.has(type) ? type : 'unknown';
}
