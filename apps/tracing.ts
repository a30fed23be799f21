import { randomBytes } from 'node:crypto';
import type { Spans } from '../connectors/otlp/index.ts';
import { atSpan, isSampled, spanIdOf, traceparentOf } from '../engine/traceparent.ts';
import type { EdgeTrace, EdgeTracing } from '../gateway/index.ts';
import type { Config } from './config.ts';
import type { Log } from './log.ts';
import type { Metrics } from './metrics.ts';

/** Something that happened within a trace; ids as W3C has them. */
export interface Step {
  readonly name: string;
  readonly kind: 'server' | 'producer' | 'consumer' | 'client' | 'internal';
  readonly seconds: number;
  readonly attributes: Readonly<Record<string, string | number>>;
  readonly failure?: string;
}

/**
 * Reports what this process does within traces.
 *
 * Source: docs/adr/016-tracing.md.
 */
export class Tracing implements EdgeTracing {
  readonly #spans: Pick<Spans, 'finished' | 'close'>;
  readonly #ratio: number;

  constructor(spans: Pick<Spans, 'finished' | 'close'>, ratio: number) {
    this.#spans = spans;
    this.#ratio = ratio;
  }

  /** A step that others descend from: `own` is what they carry. */
  step(parent: string, own: string, step: Step): void {
    this.#spans.finished({ ...step, traceparent: own, parentSpanId: spanIdOf(parent) });
  }

  /** A step that nothing descends from. */
  leaf(parent: string | null | undefined, step: Step): void {
    if (parent === null || parent === undefined || !isSampled(parent)) return;
    this.step(parent, atSpan(parent, newSpanId()), step);
  }

  begin(given: string | undefined, intentId: string): EdgeTrace {
    const parent = given === undefined ? null : traceparentOf({ traceparent: given });
    const startedAt = performance.now();
    const traceId = intentId.replaceAll('-', '');
    if (parent === null && !isChosen(traceId, this.#ratio)) return { traceparent: null, end() {} };
    const own = atSpan(parent ?? `00-${traceId}-${'0'.repeat(16)}-01`, newSpanId());
    return {
      traceparent: own,
      end: (seconds, failure) => {
        const failed = failure === undefined ? {} : { failure };
        const attributes = { 'millrace.intent_id': intentId };
        this.leaf(own, {
          ...{ name: 'publish intents', kind: 'producer', attributes },
          ...{ seconds: (performance.now() - startedAt) / 1000, ...failed },
        });
        this.#spans.finished({
          ...{ name: 'POST /intents', kind: 'server', seconds, attributes, ...failed },
          ...{ traceparent: own, parentSpanId: parent === null ? null : spanIdOf(parent) },
        });
      },
    };
  }

  close(): Promise<void> {
    return this.#spans.close();
  }
}

/** null: nothing is traced, and nothing of it is loaded. */
export async function openTracing(
  { tracing, service }: Pick<Config, 'tracing' | 'service'>,
  label: string,
  { metrics, log }: { readonly metrics: Metrics; readonly log: Log },
): Promise<Tracing | null> {
  const { endpoint, ratio } = tracing;
  if (endpoint === null) return null;
  const { Spans } = await import('../connectors/otlp/index.ts');
  let isAway = false;
  const spans = new Spans({
    ...{ endpoint, service: `millrace-${label}`, instanceId: service.instanceId },
    onOutcome(outcome, count, reason) {
      metrics.spansTotal.inc({ outcome }, count);
      if (outcome === 'dropped' || (outcome === 'failed') === isAway) return;
      isAway = outcome === 'failed';
      if (isAway) log.warn({ endpoint, reason }, 'the collector takes no spans; they are left out');
      else log.info({ endpoint }, 'the collector takes spans again');
    },
  });
  return new Tracing(spans, ratio);
}

function newSpanId(): string {
  return randomBytes(8).toString('hex');
}

/** By the trace's own digits, so that every process would choose the same. */
function isChosen(traceId: string, ratio: number): boolean {
  return parseInt(traceId.slice(0, 8), 16) < ratio * 2 ** 32;
}
