/*
 * The six events of an upstream bot, named as on the wire so that what one service emits another can pass on.
 * Source: S-02…S-23.
 */

/** An amount, price or ratio without floating point: `"0.10"`. */
export type Decimal = string;

export interface OrderCreated {
  readonly client_order_id: string;
  readonly side: 'buy' | 'sell';
  readonly order_type: 'limit' | 'market' | 'limit_maker';
  /** Required unless `order_type` is market. */
  readonly price?: Decimal;
  readonly amount_base: Decimal;
  readonly amount_quote?: Decimal;
  readonly is_live: boolean;
}

export interface OrderCancelled {
  readonly client_order_id: string;
  readonly reason?: string;
  readonly cancel_source?: 'strategy' | 'risk' | 'ops' | 'exchange';
}

export interface OrderFailed {
  readonly client_order_id?: string;
  readonly error_code?: string;
  readonly error_message: string;
  readonly failure_stage?: 'create' | 'cancel' | 'update';
}

export interface OrderFilled {
  readonly client_order_id: string;
  readonly fill_id?: string;
  readonly fill_price: Decimal;
  readonly fill_qty_base: Decimal;
  readonly fill_qty_quote: Decimal;
  readonly fee_asset: string;
  readonly fee_amount: Decimal;
  readonly liquidity_side: 'maker' | 'taker' | 'unknown';
}

export interface RiskDecision {
  readonly approved: boolean;
  readonly decision: 'allow' | 'soft_pause' | 'hard_stop' | 'reduce';
  readonly reason: string;
  readonly max_notional_quote?: Decimal;
  readonly policy_name?: string;
}

export interface StateSnapshot {
  readonly state: 'running' | 'soft_pause' | 'hard_stop';
  readonly regime?: string;
  readonly net_edge_pct?: Decimal;
  readonly spread_pct?: Decimal;
  readonly base_pct?: Decimal;
  readonly target_base_pct?: Decimal;
  readonly equity_quote?: Decimal;
}

/** Payload by event type. Keys that are not listed are accepted and kept (S-28). */
export interface BotPayloads {
  readonly order_created: OrderCreated & OtherKeys;
  readonly order_cancelled: OrderCancelled & OtherKeys;
  readonly order_failed: OrderFailed & OtherKeys;
  readonly order_filled: OrderFilled & OtherKeys;
  readonly risk_decision: RiskDecision & OtherKeys;
  readonly state_snapshot: StateSnapshot & OtherKeys;
}

interface OtherKeys {
  readonly [key: string]: unknown;
}

export type BotEventType = keyof BotPayloads;

/** The envelope and payload of one event as JSON has it. Source: the envelope of Event Schema v1. */
export interface BotEvent {
  readonly event_id: string;
  readonly event_type: string;
  readonly event_version: string;
  readonly ts_utc: string;
  readonly producer: string;
  readonly instance_name: string;
  readonly controller_id: string;
  readonly connector_name: string;
  readonly trading_pair: string;
  readonly correlation_id: string;
  /** event_id of what it follows. */
  readonly causation_id?: string | null;
  readonly payload: Readonly<Record<string, unknown>>;
}

/** What an event needs to be followed by another: any event that was emitted or read has it. */
export interface Upstream {
  readonly event_id: string;
  readonly correlation_id: string;
}

/** An event that was emitted. */
export interface Emitted extends Upstream {
  readonly event_type: BotEventType;
  /** event_id of what it follows; null for the first of a chain. */
  readonly causation_id: string | null;
  readonly ts_utc: string;
}

/** What may differ from one event to the next. */
export interface EmitOptions {
  /** A UUID v4 of one's own, for an event that may be emitted again after a restart. Default: a new one. */
  readonly event_id?: string;
  /** When it happened, ISO 8601 in UTC. Default: now. */
  readonly ts_utc?: string;
  readonly connector_name?: string;
  readonly trading_pair?: string;
  /** W3C trace context. Default: OpenTelemetry's active context, where `@opentelemetry/api` is installed. */
  readonly traceparent?: string;
}
