/** What one process of the comparison is told. */
export interface Load {
  readonly what: 'sdk' | 'raw';
  readonly broker: string;
  readonly registry: string;
  readonly prefix: string;
  readonly partitions: number;
  readonly count: number;
}

/** What it says. */
export interface LoadResult {
  readonly perSecond: number;
  /** Processor time of the whole process for one record, in microseconds. */
  readonly cpuMicrosEach: number;
  /** Records that must be on the topic then. */
  readonly sent: number;
  /** Of the SDK: each timed `emit.nowait`, in microseconds. */
  readonly micros: readonly number[];
}

/** Who the load pretends to be. */
export const IDENTITY = {
  producer: 'bench',
  instance_name: 'bench-1',
  controller_id: 'market_maker_v1',
  connector_name: 'bitget_paper_trade',
  trading_pair: 'BTC-USDT',
} as const;

export const EVENT_TYPE = 'order_filled' as const;

/** A fill; all seven required keys and the optional one. */
export function payloadOf(index: number) {
  return {
    client_order_id: `bench-${index}`,
    fill_id: `fill-${index}`,
    fill_price: '64000.10',
    fill_qty_base: '0.0125',
    fill_qty_quote: '800.00125',
    fee_asset: 'USDT',
    fee_amount: '0.16000025',
    liquidity_side: 'maker',
  } as const;
}
