import { randomUUID } from 'node:crypto';

type Json = Readonly<Record<string, unknown>>;

/** A sound payload of each of the six types, every optional key set. */
export const BOT_PAYLOADS: Readonly<Record<string, Json>> = {
  order_created: {
    client_order_id: 'c-1',
    side: 'buy',
    order_type: 'limit',
    price: '65000.10',
    amount_base: '0.50',
    amount_quote: '32500.05',
    is_live: true,
  },
  order_cancelled: { client_order_id: 'c-1', reason: 'stale', cancel_source: 'strategy' },
  order_failed: {
    client_order_id: 'c-1',
    error_code: '4001',
    error_message: 'balance too low',
    failure_stage: 'create',
  },
  order_filled: {
    client_order_id: 'c-1',
    fill_id: 'f-1',
    fill_price: '65000.10',
    fill_qty_base: '0.25',
    fill_qty_quote: '16250.025',
    fee_asset: 'USDT',
    fee_amount: '-0.01',
    liquidity_side: 'maker',
  },
  risk_decision: {
    approved: true,
    decision: 'allow',
    reason: 'within limits',
    max_notional_quote: '1000',
    policy_name: 'p1',
  },
  state_snapshot: {
    state: 'running',
    regime: 'neutral',
    net_edge_pct: '0.0012',
    spread_pct: '0.0040',
    base_pct: '0.48',
    target_base_pct: '0.50',
    equity_quote: '10000.00',
  },
};

/** A sound event as the document writes it; `change` replaces keys, undefined removes one. */
export function botEvent(type = 'order_created', change: Json = {}): Record<string, unknown> {
  const event_id = randomUUID();
  const whole: Record<string, unknown> = {
    event_id,
    event_type: type,
    event_version: 'v1',
    ts_utc: '2026-01-02T03:04:05.000006Z',
    producer: 'epp_controller',
    instance_name: 'bot1',
    controller_id: 'epp_v2_4',
    connector_name: 'bitget',
    trading_pair: 'BTC-USDT',
    correlation_id: event_id,
    payload: BOT_PAYLOADS[type] ?? {},
    ...change,
  };
  return Object.fromEntries(Object.entries(whole).filter(([, value]) => value !== undefined));
}

/** The same with some keys of the payload replaced; undefined removes one. */
export function botEventWith(type: string, payload: Json): Record<string, unknown> {
  const whole = { ...BOT_PAYLOADS[type], ...payload };
  const kept = Object.fromEntries(Object.entries(whole).filter(([, value]) => value !== undefined));
  return botEvent(type, { payload: kept });
}

/** Text and bytes as they are, anything else as JSON. */
export function jsonBytes(value: unknown): Buffer {
  if (Buffer.isBuffer(value)) return value;
  return Buffer.from(typeof value === 'string' ? value : JSON.stringify(value));
}
