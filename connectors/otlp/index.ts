export { CLOSE_MS, QUEUE_SPANS, Spans } from './spans.ts';
export type { FinishedSpan, SpanOutcome, SpansOptions } from './spans.ts';
