import type { EventRecord } from '../engine/event.ts';
import type { FieldError } from './problem.ts';

export type PublishErrorCode = 'BROKER_AWAY' | 'REFUSED';

/** An event was not acknowledged by the broker. */
export class PublishError extends Error {
  override readonly name = 'PublishError';
  readonly code: PublishErrorCode;
  readonly reaction = 'retry';
  /** `none`: certainly not on the log. `unknown`: it may be, and may still be handled. */
  readonly delivery: 'none' | 'unknown';

  constructor(
    code: PublishErrorCode,
    delivery: 'none' | 'unknown',
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
    this.code = code;
    this.delivery = delivery;
  }
}

/** Puts events on the log; it never resends by itself. */
export interface IntentPublisher {
  /**
   * Resolves when all in-sync replicas have the event. `traceparent`: of the request that it came with.
   * Throws: PublishError (retry) within 5 s.
   */
  publish(event: EventRecord, traceparent?: string | null): Promise<void>;
}

/** The newest state of intents, plans and strategies. Throws whatever the store throws while it is away. */
export interface IntentReads {
  /** The read model as JSON text, byte for byte as stored; null when there is none. */
  intent(intentId: string): Promise<string | null>;
  plan(planId: string): Promise<string | null>;
  /** What the intents of a strategy have come to. */
  positions(strategyId: string): Promise<string | null>;
}

/** The event store. Throws whatever the store throws while it is away. */
export interface HistoryReads {
  /** All events of a correlation in wire form, by sequence; empty when there is none. */
  history(correlationId: string): Promise<readonly object[]>;
}

/** Ids in the event store. Throws whatever the store throws while it is away. */
export interface CorrelationReads {
  /** The correlation that an id belongs to; null when nothing stored has it. */
  find(id: string): Promise<FoundCorrelation | null>;
}

/** A correlation, and what the id was that led to it. */
export interface FoundCorrelation {
  readonly correlationId: string;
  readonly foundBy: 'correlation_id' | 'intent_id' | 'event_id' | 'plan_id';
}

/** The part of the metrics that the gateway counts in. */
export interface GatewayMetrics {
  readonly intentsSubmitted: { inc(): void };
}

/** A sound intent: decimals as text, `metadata` as the JSON value that was sent, or null. */
export interface SoundIntent {
  readonly strategyId: string;
  readonly base: string;
  readonly quote: string;
  readonly amount_in: string;
  readonly notional_usd: string;
  readonly max_slippage: string;
  readonly metadata: unknown;
}

/** What can be said of an intent without any store: its shape, and how urgent it is. */
export interface IntentRules {
  /** All failing fields at once. Source: B-37, B-38. */
  validate(
    body: unknown,
  ):
    | { readonly ok: true; readonly intent: SoundIntent }
    | { readonly ok: false; readonly errors: readonly FieldError[] };
  /** Planning priority, 1 to 5. Source: B-18. */
  priority(intent: SoundIntent): number;
}
