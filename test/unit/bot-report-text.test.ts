import { expect, it } from 'vitest';
import { botReport } from '../../apps/bot-reports.ts';
import { botReportLines } from '../../cli/bots/report-text.ts';
import type { BotReportRows } from '../../connectors/postgres/index.ts';

const instance = 'bot-1';
const count = {
  instance,
  stored: 0,
  backfilled: 0,
  duplicate: 0,
  conflict: 0,
  invalid: 0,
  missing: 0,
};
const order = { instance, pair: 'BTC-USDT', created: 0, cancelled: 0, failed: 0, filled: 0 };
const gap = { topic: 'orders', partition: 1, first: 4, last: 4, count: 1, tail: false };

const ROWS: BotReportRows = {
  counts: [
    { ...count, type: 'order_filled', stored: 7, backfilled: 1 },
    { ...count, type: 'order_filled', invalid: 3, missing: 1 },
  ],
  lags: [{ instance: null, type: null, p50: 3_000, p95: 4_000, min: -5, max: 5_000 }],
  missing: [
    { ...gap, producer: 'a/1', instance },
    { ...gap, producer: 'http-1/2', instance: null },
  ],
  redelivered: 0,
  gaps: [],
  orders: [
    { ...order, connector: 'bitget', created: 3, filled: 5 },
    { ...order, connector: 'bitget_paper_trade', created: 2, failed: 1 },
  ],
  fills: Array.from({ length: 7 }, (_, at) => {
    const fills = at === 0 ? 8 : 1;
    return { instance, client_order_id: `c-${at}`, fills, qty_base: '0.3', qty_quote: '30.05' };
  }),
  exposure: [
    {
      instance,
      connector: 'bitget',
      pair: 'BTC-USDT',
      net_base: '0.2',
      net_quote: '-20',
      fills_without_order: 0,
    },
  ],
  snapshots: [{ instance, ts_utc: '2026-01-02T03:04:05Z', payload: { state: 'hard_stop' } }],
};

it('S-01 S-37 S-38 the report in lines says ratios, orders, live against paper, fills and exposure', () => {
  const query = { from: null, to: null, instance: null };
  const lines = botReportLines(botReport(query, ROWS, new Map()));
  expect(lines.find((line) => line.startsWith('total'))).toMatch(
    /^total +12 +7 +0 +0 +2 +2 \(20\.0 %\) +3 \(30\.0 %\) +3\.0\/4\.0 s$/,
  );
  const from = lines.findIndex((line) => line.startsWith('bot-1'));
  expect(lines.slice(from)).toEqual([
    'bot-1: orders 5 created, 0 cancelled, 1 failed, 5 fills; hard_stop since 2026-01-02T03:04:05Z',
    '  created/cancelled/failed/fills: live 3/0/0/5, paper 2/0/1/0, difference 1/0/-1/5',
    '  14 fills of 7 orders, 2.0 each:',
    '    c-0: 8, 0.3 base, 30.05 quote',
    ...[1, 2, 3, 4].map((at) => `    c-${at}: 1, 0.3 base, 30.05 quote`),
    '    and 2 more: --json has up to 1,000',
    '  bitget BTC-USDT: 0.2 base, -20 quote',
    '',
    'Sent and never come:',
    '  1 of a/1 on orders/1: sequence 4, of bot-1',
    '  1 of http-1/2 on orders/1: sequence 4, of which instance is not known',
  ]);
});
