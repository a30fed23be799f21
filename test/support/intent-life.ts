import { envelope } from '../../avro/index.ts';
import type { EventRecord } from '../../engine/event.ts';

/** How a life differs from one swap of 0.1 WETH for 250 USDC that completes. */
export interface Life {
  readonly strategyId?: string;
  readonly failed?: boolean;
  /** Plans that come when it has ended. */
  readonly latePlans?: number;
}

/** The events of an intent from first to last, each caused by the one before. */
export function lifeOf(intentId: string, life: Life = {}): readonly EventRecord[] {
  const { strategyId = 'main-job', failed = false, latePlans = 0 } = life;
  const intent = {
    ...{ intentId, strategyId, base: 'WETH', quote: 'USDC', amount_in: '0.1' },
    ...{ notional_usd: '300', max_slippage: '0.01', priority: 5, metadata: null },
  };
  const step = { venue: 'uniswap_v3', base: 'WETH', quote: 'USDC', amount_in: '0.1', min_out: '1' };
  const exec = { planId: `plan-${intentId}`, intentId, stepIndex: 0 };
  const swap = { ...exec, txHash: '0x1' };
  const plan = ['plan.created', { planId: exec.planId, intentId, steps: [step] }] as const;
  const end: readonly (readonly [string, object])[] = failed
    ? [['exec.failed', { ...exec, reason: 'reverted', code: 'TX_REVERTED' }]]
    : [
        ['exec.step_filled', { ...swap, amountOut: '250' }],
        ['exec.completed', { ...swap, amountOut: '250' }],
      ];
  return caused(intentId, [
    ['intent.submitted', intent],
    ['risk.approved', { intentId, approved: true }],
    ['intent.accepted', intent],
    plan,
    ['exec.started', exec],
    ['exec.step_submitted', { ...swap, attempt: 1, replaces: null }],
    ...end,
    ...Array.from({ length: latePlans }, () => plan),
  ]);
}

function caused(
  intentId: string,
  steps: readonly (readonly [string, object])[],
): readonly EventRecord[] {
  const events: EventRecord[] = [];
  for (const [type, payload] of steps)
    events.push(
      envelope(type, payload as Readonly<Record<string, unknown>>, {
        correlationId: `intent-${intentId}`,
        causationId: events.at(-1)?.envelope.event_id ?? null,
        sequence: events.length + 1,
      }),
    );
  return events;
}
