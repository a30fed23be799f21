import { SpanKind, SpanStatusCode, TraceFlags } from '@opentelemetry/api';
import type { HrTime, SpanContext } from '@opentelemetry/api';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http';
import { resourceFromAttributes, type Resource } from '@opentelemetry/resources';
import { BatchSpanProcessor, type ReadableSpan, type SpanExporter } from '@opentelemetry/sdk-trace';
import { isSampled, spanIdOf, traceIdOf } from '../../engine/traceparent.ts';

/** Spans in memory, those on their way to the collector included; what comes on top is counted and left out. */
export const QUEUE_SPANS = 4_096;
const BATCH_SPANS = 512;
/** How long a span waits for others before they go together. */
const GATHER_MS = 1_000;
/** Of one request, its repetitions included. */
const EXPORT_MS = 5_000;
/** How long the last spans may take when the process ends. */
export const CLOSE_MS = 2_000;

const KIND = {
  internal: SpanKind.INTERNAL,
  server: SpanKind.SERVER,
  client: SpanKind.CLIENT,
  producer: SpanKind.PRODUCER,
  consumer: SpanKind.CONSUMER,
} as const;

/** Something that has just ended. Its ids are given, not made: whoever handles what follows derives the same. */
export interface FinishedSpan {
  readonly name: string;
  readonly kind: keyof typeof KIND;
  /** Its trace, itself and the flags, as W3C has them. */
  readonly traceparent: string;
  /** null: its trace begins with it. */
  readonly parentSpanId: string | null;
  readonly seconds: number;
  readonly attributes: Readonly<Record<string, string | number>>;
  /** Why it failed; absent: it did not. */
  readonly failure?: string;
}

/** `dropped`: the queue was full; `failed`: the collector did not take them. */
export type SpanOutcome = 'exported' | 'failed' | 'dropped';

export interface SpansOptions {
  /** Of the collector, OTLP over HTTP: `/v1/traces` is put behind it. */
  readonly endpoint: string;
  /** Of the process: `service.name`, `service.instance.id`. */
  readonly service: string;
  readonly instanceId: string;
  /** Told of each batch, with the reason of a failure. */
  onOutcome(outcome: SpanOutcome, count: number, reason?: string): void;
}

/**
 * Gives spans to a collector, in batches, in the background. Never throws, never waits, never fails what it tells of.
 *
 * Limits: QUEUE_SPANS in memory; 5 s for a request; CLOSE_MS at the end.
 */
export class Spans {
  readonly #options: SpansOptions;
  readonly #processor: BatchSpanProcessor;
  readonly #resource: Resource;
  #waiting = 0;
  #isClosed = false;

  constructor(options: SpansOptions) {
    this.#options = options;
    this.#resource = resourceFromAttributes({
      'service.name': options.service,
      'service.instance.id': options.instanceId,
    });
    this.#processor = new BatchSpanProcessor({
      exporter: this.#counted(
        new OTLPTraceExporter({
          url: `${options.endpoint.replace(/\/+$/, '')}/v1/traces`,
          timeoutMillis: EXPORT_MS,
          // At the end all batches that wait go at once, beside the one under way.
          concurrencyLimit: QUEUE_SPANS / BATCH_SPANS + 1,
        }),
      ),
      maxQueueSize: QUEUE_SPANS,
      maxExportBatchSize: BATCH_SPANS,
      scheduledDelayMillis: GATHER_MS,
      // Later than the exporter's own limit, so that every batch is answered for.
      exportTimeoutMillis: 2 * EXPORT_MS,
    });
  }

  /** Spans in memory. */
  get waiting(): number {
    return this.#waiting;
  }

  /** Order: at the moment at which it ends. One whose trace nobody wants is left out. */
  finished(span: FinishedSpan): void {
    if (this.#isClosed || !isSampled(span.traceparent)) return;
    if (this.#waiting >= QUEUE_SPANS) return this.#options.onOutcome('dropped', 1);
    this.#waiting += 1;
    this.#processor.onEnd(readable(span, this.#resource));
  }

  /** Sends what waits, bounded, and ends. */
  async close(): Promise<void> {
    this.#isClosed = true;
    const late = Promise.withResolvers<void>();
    const timer = setTimeout(late.resolve, CLOSE_MS);
    await Promise.race([this.#processor.shutdown().catch(() => {}), late.promise]);
    clearTimeout(timer);
  }

  #counted(exporter: SpanExporter): SpanExporter {
    return {
      export: (spans, done) =>
        exporter.export(spans, (result) => {
          this.#waiting -= spans.length;
          const { error } = result;
          this.#options.onOutcome(error ? 'failed' : 'exported', spans.length, error?.message);
          done(result);
        }),
      shutdown: () => exporter.shutdown(),
    };
  }
}

function readable(span: FinishedSpan, resource: Resource): ReadableSpan {
  const { name, kind, traceparent, parentSpanId, seconds, attributes, failure } = span;
  const traceId = traceIdOf(traceparent) as string;
  const at = (spanId: string, isRemote: boolean): SpanContext => {
    return { traceId, spanId, traceFlags: TraceFlags.SAMPLED, isRemote };
  };
  const own = at(spanIdOf(traceparent), false);
  const endMs = performance.timeOrigin + performance.now();
  return {
    name,
    kind: KIND[kind],
    spanContext: () => own,
    ...(parentSpanId === null ? {} : { parentSpanContext: at(parentSpanId, kind !== 'internal') }),
    startTime: timeOf(endMs - seconds * 1000),
    endTime: timeOf(endMs),
    duration: timeOf(seconds * 1000),
    status:
      failure === undefined
        ? { code: SpanStatusCode.UNSET }
        : { code: SpanStatusCode.ERROR, message: failure },
    attributes,
    links: [],
    events: [],
    ended: true,
    resource,
    instrumentationScope: { name: 'millrace' },
    droppedAttributesCount: 0,
    droppedEventsCount: 0,
    droppedLinksCount: 0,
  };
}

/** Milliseconds as whole seconds and the nanoseconds that are left. */
function timeOf(ms: number): HrTime {
  const seconds = Math.floor(ms / 1000);
  return [seconds, Math.round((ms - seconds * 1000) * 1e6)];
}
