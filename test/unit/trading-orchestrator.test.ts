import { describe, expect, it } from 'vitest';
import type { PlanCreatedPayload } from '../../avro/index.ts';
import { event, type EffectRequest, type EffectResult, type Emit } from '../../engine/actor.ts';
import { orchestratorActor } from '../../processors/trading/index.ts';
import { given, GIVEN_TIME, messageOf, type Then } from '../../testing/given.ts';

const OPTIONS = { maxAttempts: 3, retryDelaysMs: [10_000, 60_000] };
const ORCHESTRATOR = orchestratorActor(OPTIONS);
const STEP = {
  venue: 'uniswap_v3',
  base: 'WETH',
  quote: 'USDC',
  amount_in: '1',
  min_out: '2475',
};
const PLAN: PlanCreatedPayload = { planId: 'p', intentId: 'i', steps: [STEP] };
const TX = { txHash: '0xabc', raw: '0xsigned' };
const SUBMIT = { venue: 'uniswap_v3', tx: TX };
const SECOND_FILL = { amountOut: '0.9', txHash: '0xdef' };
const RECEIPT = { status: 1, txHash: '0xabc', amountOut: '2499.5' };

const created = (plan = PLAN) => messageOf('plan.created', plan, { sequence: 4 });

type State = ReturnType<typeof ORCHESTRATOR.state.initial>;
type Reply = { readonly value: unknown } | { readonly code: string; readonly reason?: string };

/** Answers every effect from the list of its name, its last reply for ever, until there are none open. */
function run(replies: Readonly<Record<string, readonly Reply[]>>, plan = PLAN) {
  const asked: EffectRequest[] = [];
  const emits: Emit[] = [];
  const take = (then: Then<State>) => {
    emits.push(...then.emit);
    asked.push(...then.effects);
    return then;
  };
  let step = take(given(ORCHESTRATOR).when(created(plan)));
  for (let index = 0; index < asked.length && index < 100; index++) {
    const request = asked[index] as EffectRequest;
    const known = replies[request.name] ?? [];
    const before = asked.slice(0, index).filter(({ name }) => name === request.name).length;
    const reply = known[Math.min(before, known.length - 1)];
    if (reply === undefined) break;
    step = take(step.then({}).when(resultOf(request, reply)));
  }
  const events = emits.map((emit) => {
    if (emit.kind !== 'event') throw new Error(`only events were expected, not ${emit.kind}`);
    return emit;
  });
  const types = events.map(({ type }) => type);
  return { asked, events, types, ledger: step.state, names: asked.map(({ name }) => name) };
}

function resultOf({ id, name }: EffectRequest, reply: Reply): EffectResult {
  if ('value' in reply) return { ok: true, id, name, value: reply.value };
  return { ok: false, id, name, code: reply.code, reason: reply.reason ?? 'why' };
}

const GOOD = {
  'swap.build': [{ value: TX }],
  'swap.submit': [{ value: TX.txHash }],
  'swap.wait': [{ value: RECEIPT }],
};

describe('orchestrator', () => {
  it('B-56 B-57 B-58 executes a plan of one step', () => {
    const base = { planId: 'p', intentId: 'i', stepIndex: 0 };
    const opened = given(ORCHESTRATOR)
      .when(created())
      .then({
        emit: [event('exec.started', base)],
        effects: [
          {
            id: 'step-0/attempt-1/build',
            name: 'swap.build',
            args: {
              planId: 'p',
              stepIndex: 0,
              attempt: 1,
              venue: 'uniswap_v3',
              base: 'WETH',
              quote: 'USDC',
              amountIn: '1',
              minOut: '2475',
              deadlineS: Math.floor(GIVEN_TIME / 1_000_000) + 120,
            },
          },
        ],
      });
    const built = opened
      .when({ ok: true, id: 'step-0/attempt-1/build', name: 'swap.build', value: TX })
      .then({
        emit: [],
        effects: [
          {
            id: 'step-0/attempt-1/submit',
            name: 'swap.submit',
            args: { venue: 'uniswap_v3', tx: TX },
          },
        ],
      });
    const submitted = built
      .when({ ok: true, id: 'step-0/attempt-1/submit', name: 'swap.submit', value: '0xabc' })
      .then({
        emit: [
          event('exec.step_submitted', { ...base, txHash: '0xabc', attempt: 1, replaces: null }),
        ],
        effects: [
          {
            id: 'step-0/attempt-1/wait-1',
            name: 'swap.wait',
            args: { venue: 'uniswap_v3', tx: TX, timeoutS: 120 },
          },
        ],
      });
    const outcome = { ...base, amountOut: '2499.5', txHash: '0xabc' };
    submitted
      .when({ ok: true, id: 'step-0/attempt-1/wait-1', name: 'swap.wait', value: RECEIPT })
      .then({
        emit: [event('exec.step_filled', outcome), event('exec.completed', outcome)],
        effects: [],
      });
  });

  it('B-59 B-95 goes through every step, each with a transaction of its own', () => {
    const second = { txHash: '0xdef', raw: '0xother' };
    const { types, events, ledger } = run(
      {
        'swap.build': [{ value: TX }, { value: second }],
        'swap.submit': GOOD['swap.submit'],
        'swap.wait': [
          { value: RECEIPT },
          { value: { status: 1, txHash: '0xdef', amountOut: '0.9' } },
        ],
      },
      { ...PLAN, steps: [STEP, { ...STEP, base: 'USDC', quote: 'WETH', amount_in: '2499' }] },
    );
    expect(types).toEqual([
      'exec.started',
      'exec.step_submitted',
      'exec.step_filled',
      'exec.step_submitted',
      'exec.step_filled',
      'exec.completed',
    ]);
    expect(events.at(-1)?.payload).toEqual({
      planId: 'p',
      intentId: 'i',
      stepIndex: 1,
      amountOut: '0.9',
      txHash: '0xdef',
    });
    expect(ledger).toMatchObject({ phase: 'done', filled: [{ txHash: '0xabc' }, SECOND_FILL] });
  });

  it('B-60 fails when the transaction was reverted', () => {
    const receipt = { status: 0, txHash: '0xabc', amountOut: null };
    const { types, events, names } = run({ ...GOOD, 'swap.wait': [{ value: receipt }] });
    expect(types).toEqual(['exec.started', 'exec.step_submitted', 'exec.failed']);
    expect(events.at(-1)?.payload).toEqual({
      planId: 'p',
      intentId: 'i',
      stepIndex: 0,
      reason: 'Transaction 0xabc was reverted by the chain.',
      code: 'TX_REVERTED',
    });
    expect(names).toEqual(['swap.build', 'swap.submit', 'swap.wait']);
  });

  it('B-60 B-61 fails on a timeout without submitting again', () => {
    const { types, events, names } = run({ ...GOOD, 'swap.wait': [{ code: 'TX_TIMEOUT' }] });
    expect(types).toEqual(['exec.started', 'exec.step_submitted', 'exec.failed']);
    expect(events.at(-1)?.payload).toMatchObject({
      code: 'TX_TIMEOUT',
      reason: 'timeout: transaction 0xabc has no receipt after 120 s.',
    });
    expect(names).toEqual(['swap.build', 'swap.submit', 'swap.wait']);
  });

  it.each(['TX_REVERTED', 'TX_DROPPED', 'WRONG_CHAIN'])('B-60 fails at once on %s', (code) => {
    for (const name of ['swap.build', 'swap.submit', 'swap.wait']) {
      const { types, asked, events } = run({ ...GOOD, [name]: [{ code }] });
      expect(types.filter((type) => type === 'exec.failed')).toHaveLength(1);
      expect(types).not.toContain('exec.completed');
      expect(asked.filter((request) => request.name === name)).toHaveLength(1);
      expect(events.at(-1)?.payload).toMatchObject({ code, reason: 'why' });
    }
  });

  it('B-60 fails at once on an answer that is final, whatever its code', () => {
    const request = { id: 'step-0/attempt-1/build', name: 'swap.build' };
    const refused = { ...request, code: 'SLIPPAGE_EXCEEDED', reason: 'why' } as const;
    const then = given(ORCHESTRATOR, { state: run({}).ledger }).when({
      ok: false,
      ...refused,
      kind: 'final',
    });
    expect(then.effects).toEqual([]);
    expect(then.emit).toMatchObject([
      { type: 'exec.failed', payload: { code: 'SLIPPAGE_EXCEEDED', reason: 'why' } },
    ]);
  });

  it('B-75 submits three times at most, then fails once', () => {
    const failing = [{ code: 'RPC_AWAY', reason: 'connection refused' }];
    const { types, asked, events } = run({ ...GOOD, 'swap.submit': failing });
    expect(types).toEqual(['exec.started', 'exec.failed']);
    expect(asked.map(({ id, notBefore }) => [id, notBefore])).toEqual([
      ['step-0/attempt-1/build', undefined],
      ['step-0/attempt-1/submit', undefined],
      ['step-0/attempt-2/submit', GIVEN_TIME + 10_000_000],
      ['step-0/attempt-3/submit', GIVEN_TIME + 60_000_000],
    ]);
    expect(events.at(-1)?.payload).toMatchObject({
      code: 'ATTEMPTS_EXCEEDED',
      reason:
        'Step 0 failed in all 3 attempts of swap.submit; the last one by RPC_AWAY: connection refused',
    });
  });

  it('B-61 B-75 submits the very bytes again, never a second transaction', () => {
    const replies = [{ code: 'RPC_AWAY' }, { code: 'RPC_AWAY' }, { value: TX.txHash }];
    const { types, asked, events } = run({ ...GOOD, 'swap.submit': replies });
    const submitted = asked.filter(({ name }) => name === 'swap.submit');
    expect(submitted.map(({ args }) => args)).toEqual([SUBMIT, SUBMIT, SUBMIT]);
    expect(asked.filter(({ name }) => name === 'swap.build')).toHaveLength(1);
    expect(types.at(-1)).toBe('exec.completed');
    expect(events[1]?.payload).toMatchObject({ attempt: 3, txHash: '0xabc' });
  });

  it('B-75 builds again what could not be built, within the same bound', () => {
    const { asked, types } = run({ ...GOOD, 'swap.build': [{ code: 'RPC_AWAY' }] });
    expect(asked.map(({ id }) => id)).toEqual([
      'step-0/attempt-1/build',
      'step-0/attempt-2/build',
      'step-0/attempt-3/build',
    ]);
    expect(types).toEqual(['exec.started', 'exec.failed']);
  });

  it('B-61 waits again, bounded, when the chain cannot be asked for a receipt', () => {
    const { asked, types, events } = run({ ...GOOD, 'swap.wait': [{ code: 'RPC_AWAY' }] });
    expect(asked.slice(2).map(({ id }) => id)).toEqual([
      'step-0/attempt-1/wait-1',
      'step-0/attempt-1/wait-2',
      'step-0/attempt-1/wait-3',
    ]);
    expect(types).toEqual(['exec.started', 'exec.step_submitted', 'exec.failed']);
    expect(events.at(-1)?.payload).toMatchObject({ code: 'ATTEMPTS_EXCEEDED' });
  });

  it('B-61 does nothing for a second plan of the same correlation', () => {
    const first = given(ORCHESTRATOR).when(created());
    const again = created({ ...PLAN, planId: 'other' });
    first.then({}).when(again).then({ state: first.state, emit: [], effects: [] });
    const { ledger } = run(GOOD);
    given(ORCHESTRATOR, { state: ledger })
      .when(again)
      .then({ state: ledger, emit: [], effects: [] });
  });

  it('B-61 B-75 ignores a result that nobody waits for any more', () => {
    const { ledger } = run({ ...GOOD, 'swap.wait': [{ code: 'TX_TIMEOUT' }] });
    for (const [name, value] of [
      ['swap.build', TX],
      ['swap.submit', '0xabc'],
      ['swap.wait', RECEIPT],
    ] as const) {
      const late: EffectResult = { ok: true, id: 'step-0/attempt-1/wait-1', name, value };
      const then = given(ORCHESTRATOR, { state: ledger }).when(late);
      then.then({ state: ledger, emit: [], effects: [] });
    }
  });

  it('B-61 takes up what an older version has journaled', () => {
    const actor = orchestratorActor({ ...OPTIONS, accounts: { uniswap_v3: '1:0xabc' } });
    const base = { planId: 'p', intentId: 'i', steps: [STEP], deadlineS: 2_000_000_000 };
    const at = { stepIndex: 0, attempt: 1, wait: 1, phase: 'waiting', earlier: [], filled: [] };
    const stored = { ...base, ...at, account: '1:0xabc', nonce: 7, tx: TX };
    expect(actor.state.upcast?.(1, null)).toBeNull();
    const state = actor.state.upcast?.(1, JSON.parse(JSON.stringify(stored))) ?? null;
    const result = { ok: true, id: 'step-0/attempt-1/wait-1', name: 'swap.wait' } as const;
    const then = given(actor, { state }).when({ ...result, value: RECEIPT });
    expect(then.emit.map((emit) => ('type' in emit ? emit.type : null))).toEqual([
      'exec.step_filled',
      'exec.completed',
      'chain.nonce_settled',
    ]);
  });

  it('B-60 fails a plan without steps', () => {
    const { types } = run(GOOD, { ...PLAN, steps: [] });
    expect(types).toEqual(['exec.started', 'exec.failed']);
  });
});
