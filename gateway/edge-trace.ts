import { traceparentOf } from '../engine/traceparent.ts';

/** One request on its way into the log. */
export interface EdgeTrace {
  /** W3C trace context for what is published; null: it has no trace. */
  readonly traceparent: string | null;
  /** Order: once, when the request is decided. `seconds`: all of it took so long. */
  end(seconds: number, failure?: string): void;
}

/** Begins the traces of requests, or goes on with those of their callers. */
export interface EdgeTracing {
  /** `given`: the request's header `traceparent`. Order: just before what follows from it is published. */
  begin(given: string | undefined, intentId: string): EdgeTrace;
}

/** Hands on what the caller gave, and reports nothing. */
export const PASSED_ON: EdgeTracing = {
  begin: (given) => ({
    traceparent: given === undefined ? null : traceparentOf({ traceparent: given }),
    end() {},
  }),
};
