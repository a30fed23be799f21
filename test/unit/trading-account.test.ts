import { beforeEach, describe, expect, it } from 'vitest';
import { AvroCodec, CATALOGUE_RECORDS, envelope } from '../../avro/index.ts';
import type { EventRecord } from '../../engine/event.ts';
import type { OpenEffect } from '../../engine/task-state.ts';
import type {
  AccountFillArgs,
  SwapBuildArgs,
  SwapSubmitArgs,
  SwapWaitArgs,
} from '../../processors/trading/index.ts';
import { TopologyDriver } from '../../testing/topology-driver.ts';
import { orchestratorTopology } from '../../topologies/orchestrator.ts';

const ACCOUNT = '31337:0xabc';
const SECOND = 1_000_000;
const FIRST = 5;

/** An account as a node has it: one transaction a place, mined in their order. */
class Chain {
  mined = FIRST;
  readonly known = new Map<number, string>();

  get pending(): number {
    let next = this.mined;
    while (this.known.has(next)) next += 1;
    return next;
  }

  mine(): void {
    this.mined = this.pending;
  }
}

let chain: Chain;
let driver: TopologyDriver;
beforeEach(() => {
  chain = new Chain();
  driver = new TopologyDriver({
    topology: orchestratorTopology({
      ...{ maxAttempts: 3, retryDelaysMs: [1_000] },
      accounts: { uniswap_v3: ACCOUNT },
    }),
    codec: AvroCodec.offline({ subjects: CATALOGUE_RECORDS }),
  });
});

function plan(id: string): void {
  const step = { venue: 'uniswap_v3', base: 'WETH', quote: 'USDC', amount_in: '1', min_out: '2' };
  const payload = { planId: `plan-${id}`, intentId: id, steps: [step] };
  driver.publish(envelope('plan.created', payload, { correlationId: `intent-${id}`, sequence: 4 }));
}

const open = (name: string): readonly OpenEffect[] =>
  driver.openEffects.filter(({ request }) => request.name === name);

/** What the chain makes of an effect; undefined: nothing yet. */
function answer({ request }: OpenEffect): { value: unknown } | { code: string } | undefined {
  const { name, args } = request;
  if (name === 'account.read' || name === 'account.look') return { value: chain.pending };
  if (name === 'account.fill') {
    const { nonce } = args as AccountFillArgs;
    chain.known.set(nonce, 'nothing');
    return { value: null };
  }
  if (name === 'swap.build') {
    const { nonce = -1, planId } = args as SwapBuildArgs;
    return { value: { txHash: `0x${planId}`, raw: `${nonce}`, nonce } };
  }
  const { tx } = args as SwapSubmitArgs;
  const nonce = tx.nonce ?? -1;
  if (name === 'swap.submit') {
    const there = chain.known.get(nonce);
    if (there !== undefined && there !== tx.txHash) return { code: 'NONCE_TOO_LOW' };
    chain.known.set(nonce, tx.txHash);
    return { value: tx.txHash };
  }
  if (nonce >= chain.mined) return undefined;
  return { value: { status: 1, txHash: tx.txHash, amountOut: '2.5' } };
}

/** Performs effects, of some names only, until the chain has no answer for any that is open. */
function perform(...names: readonly string[]): void {
  for (let found = true; found;) {
    found = false;
    for (const effect of driver.openEffects) {
      const { id, name } = effect.request;
      const result = names.length === 0 || names.includes(name) ? answer(effect) : undefined;
      if (result === undefined) continue;
      found = true;
      const head = { id, name };
      if ('code' in result) fail(effect, result.code);
      else driver.settle(effect, { ok: true, ...head, value: result.value });
      break;
    }
  }
}

function fail(
  effect: OpenEffect | undefined,
  code: string,
  kind: 'final' | 'retry' = 'final',
): void {
  if (effect === undefined) throw new Error('there is no such effect');
  const { id, name } = effect.request;
  driver.settle(effect, { ok: false, id, name, code, reason: 'why', kind });
}

const asked = (): readonly number[] =>
  open('swap.build').map(({ request }) => (request.args as SwapBuildArgs).nonce ?? -1);
const execOf = (id: string) =>
  driver
    .on('exec')
    .map(({ value }) => (value as EventRecord).envelope)
    .filter(({ correlation_id: of }) => of === `intent-${id}`);

describe('the account of a venue', () => {
  it('B-61 gives each step a place of its own, in their order, before it is signed', () => {
    for (const id of ['a', 'b', 'c']) plan(id);
    expect(driver.openEffects.map(({ request }) => request.name)).toEqual(['account.read']);
    perform('account.read');
    // Who asked while the chain was asked asks again.
    expect(asked()).toEqual([5]);
    driver.advance(SECOND);
    expect(asked()).toEqual([5, 6, 7]);
    perform();
    expect([...chain.known]).toEqual([
      [5, '0xplan-a'],
      [6, '0xplan-b'],
      [7, '0xplan-c'],
    ]);
    chain.mine();
    perform();
    expect(execOf('b').map(({ event_type }) => event_type)).toEqual([
      'exec.started',
      'exec.step_submitted',
      'exec.step_filled',
      'exec.completed',
    ]);
  });

  it('B-61 J7 leaves the numbers and causes of an execution without a gap', () => {
    plan('a');
    perform();
    chain.mine();
    perform();
    const events = execOf('a');
    expect(events.map(({ sequence }) => sequence)).toEqual([5, 6, 7, 8]);
    const causes = new Set(events.slice(1).map(({ causation_id: cause }) => cause));
    const known = new Set(events.map(({ event_id }) => event_id));
    expect([...causes].filter((cause) => !known.has(cause ?? ''))).toEqual([]);
  });

  it('B-61 has at most 16 under way; the others get theirs as places come free', () => {
    for (let index = 0; index < 20; index++) plan(`p${index}`);
    perform('account.read');
    driver.advance(SECOND);
    perform('swap.build', 'swap.submit');
    driver.advance(SECOND);
    expect(chain.known.size).toBe(16);
    for (let round = 0; round < 3; round++) {
      chain.mine();
      perform();
      driver.advance(SECOND);
    }
    chain.mine();
    perform();
    expect([...chain.known.keys()]).toEqual(
      Array.from({ length: 20 }, (_, index) => FIRST + index),
    );
    expect(
      driver.on('exec').filter(({ headers }) => headers['event_type'] === 'exec.completed'),
    ).toHaveLength(20);
  });

  it('B-61 gives what was never handed in to the next one, where nothing hangs on it', () => {
    plan('a');
    plan('b');
    perform('account.read');
    driver.advance(SECOND);
    fail(open('swap.build')[1], 'INSUFFICIENT_FUNDS');
    plan('c');
    perform();
    expect([...chain.known]).toEqual([
      [5, '0xplan-a'],
      [6, '0xplan-c'],
    ]);
  });

  it('B-61 fills a place that nobody will use while something hangs on it', () => {
    plan('a');
    plan('b');
    perform('account.read');
    driver.advance(SECOND);
    fail(open('swap.build')[0], 'INSUFFICIENT_FUNDS');
    perform('swap.build', 'swap.submit');
    chain.mine();
    expect(chain.mined).toBe(FIRST);
    driver.advance(5 * SECOND);
    perform();
    chain.mine();
    perform();
    expect([...chain.known].sort()).toEqual([
      [5, 'nothing'],
      [6, '0xplan-b'],
    ]);
    expect(execOf('b').at(-1)?.event_type).toBe('exec.completed');
  });

  it('B-61 fills the place of one that holds it and does nothing, which then swaps nothing', () => {
    plan('a');
    plan('b');
    perform('account.read');
    driver.advance(SECOND);
    const [idle, busy] = open('swap.build');
    for (let effect = busy; effect !== undefined; effect = open('swap.submit')[0])
      driver.settle(effect, {
        ...{ ok: true, id: effect.request.id, name: effect.request.name },
        value: (answer(effect) as { value: unknown }).value,
      });
    for (let seconds = 0; seconds < 20; seconds += 5) {
      driver.advance(5 * SECOND);
      perform('account.look', 'account.fill');
    }
    expect(chain.known.get(5)).toBe('nothing');
    chain.mine();
    expect(idle).toBeDefined();
    perform();
    expect(execOf('a').at(-1)?.event_type).toBe('exec.failed');
    expect(execOf('b').at(-1)?.event_type).toBe('exec.completed');
  });

  it('B-61 comes to the same end over a restart before and after every effect', () => {
    for (const id of ['a', 'b', 'c']) plan(id);
    for (let step = 0; step < 60; step++) {
      driver.restart();
      const effect = driver.openEffects.find((each) => answer(each) !== undefined);
      if (effect === undefined) {
        chain.mine();
        driver.advance(SECOND);
        continue;
      }
      const { id, name } = effect.request;
      const { value } = answer(effect) as { value: unknown };
      driver.settle(effect, { ok: true, id, name, value });
    }
    expect([...chain.known.keys()]).toEqual([5, 6, 7]);
    for (const id of ['a', 'b', 'c']) expect(execOf(id).at(-1)?.event_type).toBe('exec.completed');
    expect(driver.replayed().dump()).toBe(driver.state.dump());
  });

  describe('a transaction that nobody mines', () => {
    const FEES = { maxFeePerGas: '1000', maxPriorityFeePerGas: '10' };
    const settle = (name: string, value: unknown): void => {
      const [effect] = open(name);
      if (effect === undefined) throw new Error(`no ${name} is open`);
      driver.settle(effect, { ok: true, id: effect.request.id, name, value });
    };
    const tx = (txHash: string, fees = FEES) => ({ txHash, raw: txHash, nonce: FIRST, fees });
    const submittedOf = () =>
      driver
        .on('exec')
        .map(({ value }) => (value as EventRecord).payload as Record<string, unknown>)
        .filter((payload) => 'replaces' in payload)
        .map(({ txHash, replaces }) => [txHash, replaces]);
    const waiting = () => open('swap.wait')[0]?.request.args as SwapWaitArgs;

    beforeEach(() => {
      plan('a');
      perform('account.read');
      settle('swap.build', tx('0x1'));
      settle('swap.submit', '0x1');
    });

    it('B-57 B-59 is replaced at its own place by one that offers more; the one that was mined is named', () => {
      expect(waiting()).toMatchObject({ tx: { txHash: '0x1' }, timeoutS: 30 });
      fail(open('swap.wait')[0], 'TX_TIMEOUT');
      const offer = { maxFeePerGas: '1251', maxPriorityFeePerGas: '13' };
      expect(open('swap.build')[0]?.request.args).toMatchObject({ nonce: FIRST, fees: offer });
      settle('swap.build', tx('0x2', offer));
      settle('swap.submit', '0x2');
      expect(submittedOf()).toEqual([
        ['0x1', null],
        ['0x2', '0x1'],
      ]);
      expect(waiting().earlier).toEqual([tx('0x1')]);
      settle('swap.wait', { status: 1, txHash: '0x1', amountOut: '3' });
      const [filled] = driver.on('exec').slice(-2);
      expect((filled?.value as EventRecord).payload).toMatchObject({ txHash: '0x1' });
      expect(execOf('a').map(({ sequence }) => sequence)).toEqual([5, 6, 7, 8, 9]);
    });

    it('B-57 B-58 is neither replaced nor given up once it is mined, however late it counts', () => {
      for (let wait = 0; wait < 10; wait++) {
        expect(waiting()).toMatchObject({ tx: { txHash: '0x1' }, timeoutS: 30 });
        driver.restart();
        fail(open('swap.wait')[0], 'TX_UNCONFIRMED', 'retry');
      }
      expect(open('swap.build')).toEqual([]);
      // Taken back by the chain: it waits as before.
      fail(open('swap.wait')[0], 'TX_TIMEOUT');
      settle('swap.build', tx('0x2'));
      settle('swap.submit', '0x2');
      fail(open('swap.wait')[0], 'TX_UNCONFIRMED', 'retry');
      expect(waiting().earlier).toEqual([tx('0x1')]);
      settle('swap.wait', { status: 1, txHash: '0x1', amountOut: '3' });
      expect(execOf('a').at(-1)?.event_type).toBe('exec.completed');
    });

    it('B-57 is replaced three times at most, in 120 s, and then given up', () => {
      const waits: number[] = [];
      for (let bump = 1; bump <= 3; bump++) {
        waits.push(waiting().timeoutS);
        fail(open('swap.wait')[0], 'TX_TIMEOUT');
        settle('swap.build', tx(`0x${bump + 1}`));
        settle('swap.submit', `0x${bump + 1}`);
      }
      waits.push(waiting().timeoutS);
      fail(open('swap.wait')[0], 'TX_TIMEOUT');
      expect(waits.reduce((sum, each) => sum + each)).toBe(120);
      expect(execOf('a').at(-1)?.event_type).toBe('exec.failed');
    });

    it.each(['swap.build', 'swap.submit'])(
      'B-57 is waited for again, and not replaced any more, when %s of the other fails',
      (name) => {
        fail(open('swap.wait')[0], 'TX_TIMEOUT');
        if (name === 'swap.submit') settle('swap.build', tx('0x2'));
        fail(open(name)[0], 'NONCE_TOO_LOW');
        expect(waiting()).toMatchObject({ tx: { txHash: '0x1' }, timeoutS: 120 });
        expect(waiting().earlier).toBeUndefined();
        settle('swap.wait', { status: 1, txHash: '0x1', amountOut: '3' });
        expect(submittedOf()).toEqual([['0x1', null]]);
        expect(execOf('a').at(-1)?.event_type).toBe('exec.completed');
      },
    );
  });
});
