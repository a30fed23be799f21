import { Counter, Gauge, Histogram, type Registry } from 'prom-client';
import { BOT_EVENTS } from '../avro/index.ts';
import type { BotSinkObserver } from './bot-sink.ts';

/** A bot's clock may be ahead: what comes before it happened counts below zero (S-39). */
const LAG_BUCKETS = [
  -86_400, -3_600, -60, -1, 0, 0.05, 0.1, 0.25, 0.5, 1, 3, 10, 60, 3_600, 86_400,
];
const TYPES: ReadonlySet<string> = new Set(BOT_EVENTS.map(({ type }) => type));

/** The metrics of the way from bots to the store. Source: S-36…S-39. */
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
    botUnexplained: new Gauge({
      name: 'millrace_bot_unexplained_events',
      help: 'Events that producers say they sent and that never came, over all time.',
      registers,
    }),
  };
}

type BotMetrics = ReturnType<typeof botMetrics>;

/** Turns what the sink reports into metrics. */
export function botObserver(metrics: BotMetrics, nowMicros: () => number): BotSinkObserver {
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
      }
      for (const { eventType, correlationMissing } of rejects)
        if (correlationMissing) metrics.botMissingCorrelationTotal.inc({ type: known(eventType) });
    },
  };
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
