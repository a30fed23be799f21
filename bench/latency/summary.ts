import { build, type Histogram } from 'hdr-histogram-js';

/** Milliseconds, from a histogram of microseconds. */
export interface Percentiles {
  readonly count: number;
  readonly p50: number;
  readonly p90: number;
  readonly p95: number;
  readonly p99: number;
  readonly max: number;
}

/** Latencies from 1 µs to 10 minutes, three digits. */
export class Latencies {
  readonly #histogram: Histogram = build({
    lowestDiscernibleValue: 1,
    highestTrackableValue: 600_000_000,
    numberOfSignificantValueDigits: 3,
  });

  record(ms: number): void {
    this.#histogram.recordValue(Math.max(1, Math.round(ms * 1000)));
  }

  get percentiles(): Percentiles {
    const at = (percent: number): number =>
      Math.round(this.#histogram.getValueAtPercentile(percent) / 10) / 100;
    const { totalCount: count, maxValue } = this.#histogram;
    const max = Math.round(maxValue / 10) / 100;
    return { count, p50: at(50), p90: at(90), p95: at(95), p99: at(99), max };
  }
}
