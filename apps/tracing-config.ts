import type { ConfigReader } from './config-reader.ts';

/** Where spans go, and of how many intents. */
export interface TracingConfig {
  /** Of a collector that takes OTLP over HTTP; null: nothing is traced. */
  readonly endpoint: string | null;
  /** Share of the intents without a trace of their own for which one begins, 0 to 1. */
  readonly ratio: number;
}

const RATIO = /^(0(\.\d+)?|1(\.0+)?)$/;

export function tracingConfig(reader: ConfigReader): TracingConfig {
  const name = 'OTEL_EXPORTER_OTLP_ENDPOINT';
  const isOn = reader.raw(name) !== null;
  const ratio = reader.text('OTEL_TRACES_SAMPLER_ARG', '1', {
    pattern: RATIO,
    problem: 'not a share',
    remedy: 'Set OTEL_TRACES_SAMPLER_ARG to a number from 0 to 1, such as 0.1',
  });
  return {
    endpoint: isOn ? reader.url(name, '', ['http:', 'https:']) : null,
    ratio: Number(ratio),
  };
}
