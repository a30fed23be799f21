import { build, type Histogram } from 'hdr-histogram-js';

/** Milliseconds, from a histogram of microseconds. */
export interface Percentiles {
  readonly count: number;
  readonly mean: number;
  readonly p50: number;
  readonly p90: number;
  readonly p95: number;
  readonly p99: number;
  readonly max: number;
}

const HIGHEST_MICROS = 600_000_000;
/** Dense where a tail is looked at. */
const CURVE_PERCENTS = [1, 10, 25, 50, 75, 90, 95, 98, 99, 99.5, 99.8, 99.9, 100];

/** Latencies from 1 µs to 10 minutes, three digits. */
export class Latencies {
  readonly #histogram: Histogram = build({
    lowestDiscernibleValue: 1,
    highestTrackableValue: HIGHEST_MICROS,
    numberOfSignificantValueDigits: 3,
  });

  static from(samplesMs: readonly number[]): Latencies {
    const latencies = new Latencies();
    for (const ms of samplesMs) latencies.record(ms);
    return latencies;
  }

  static of(samplesMs: readonly number[]): Percentiles {
    return Latencies.from(samplesMs).percentiles;
  }

  record(ms: number): void {
    const micros = Math.min(HIGHEST_MICROS, Math.max(1, Math.round(ms * 1000)));
    this.#histogram.recordValue(micros);
  }

  get percentiles(): Percentiles {
    const { totalCount: count, maxValue, mean } = this.#histogram;
    const at = (percent: number): number => this.#at(percent);
    return {
      count,
      mean: rounded(mean / 1000),
      p50: at(50),
      p90: at(90),
      p95: at(95),
      p99: at(99),
      max: rounded(maxValue / 1000),
    };
  }

  /** Points of the percentile curve, for a picture. Shape: [percent, ms], percent rising. */
  get curve(): readonly (readonly [number, number])[] {
    return CURVE_PERCENTS.map((percent) => [percent, this.#at(percent)] as const);
  }

  /** A percentile is the upper end of a bucket, which may lie above the highest value. */
  #at(percent: number): number {
    const { maxValue } = this.#histogram;
    return rounded(Math.min(maxValue, this.#histogram.getValueAtPercentile(percent)) / 1000);
  }
}

/** Two decimals. */
export function rounded(value: number): number {
  return Math.round(value * 100) / 100;
}

/** Zero without any. */
export function meanOf(values: readonly number[]): number {
  return values.length === 0 ? 0 : values.reduce((sum, value) => sum + value, 0) / values.length;
}
