import { build } from 'hdr-histogram-js';
import { microsFromIso } from '../../avro/index.ts';
import type { Outcome } from './outcome.ts';

/** Units: milliseconds; null without a sample. */
export interface Percentiles {
  readonly count: number;
  readonly p50: number | null;
  readonly p95: number | null;
  readonly p99: number | null;
}

const HOUR_MICROS = 3_600_000_000;

/**
 * From the moment that the POST was sent which was answered with 202, to the event's own time.
 *
 * Limits: an hour; a clock of the system that is behind this one counts as no time.
 */
export function latencyTo(topic: string, outcomes: readonly Outcome[]): Percentiles {
  const samples = outcomes.flatMap(({ answer, events }) => {
    const event = events.find((each) => each.topic === topic);
    return event === undefined ? [] : [microsFromIso(event.timestamp) - answer.sentAtMicros];
  });
  return percentilesOf(samples);
}

/** Units: `micros` in microseconds. */
export function percentilesOf(micros: readonly number[]): Percentiles {
  const histogram = build({
    highestTrackableValue: HOUR_MICROS,
    numberOfSignificantValueDigits: 3,
  });
  for (const each of micros) {
    histogram.recordValue(Math.min(HOUR_MICROS, Math.max(0, Math.round(each))));
  }
  const at = (percentile: number): number | null =>
    micros.length === 0 ? null : histogram.getValueAtPercentile(percentile) / 1000;
  return { count: micros.length, p50: at(50), p95: at(95), p99: at(99) };
}
