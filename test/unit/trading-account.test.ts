import { beforeEach, describe, expect, it } from 'vitest';
import type { EventRecord } from '../../engine/event.ts';
import type { SwapWaitArgs } from '../../processors/trading/index.ts';
import { AccountRig, FIRST, SECOND } from '../support/account-rig.ts';

let rig: AccountRig;
beforeEach(() => {
  rig = new AccountRig();
});

describe('the account of a venue', () => {
  it('B-61 gives each step a place of its own, in their order, before it is signed', () => {
    for (const id of ['a', 'b', 'c']) rig.plan(id);
    expect(rig.driver.openEffects.map(({ request }) => request.name)).toEqual(['account.read']);
    rig.perform('account.read');
    // Who asked while the chain was asked asks again.
    expect(rig.asked()).toEqual([5]);
    rig.driver.advance(SECOND);
    expect(rig.asked()).toEqual([5, 6, 7]);
    rig.perform();
    expect([...rig.chain.known]).toEqual([
      [5, '0xplan-a'],
      [6, '0xplan-b'],
      [7, '0xplan-c'],
    ]);
    rig.chain.mine();
    rig.perform();
    expect(rig.execOf('b').map(({ event_type }) => event_type)).toEqual([
      'exec.started',
      'exec.step_submitted',
      'exec.step_filled',
      'exec.completed',
    ]);
  });

  it('B-61 J7 leaves the numbers and causes of an execution without a gap', () => {
    rig.plan('a');
    rig.perform();
    rig.chain.mine();
    rig.perform();
    const events = rig.execOf('a');
    expect(events.map(({ sequence }) => sequence)).toEqual([5, 6, 7, 8]);
    const causes = new Set(events.slice(1).map(({ causation_id: cause }) => cause));
    const known = new Set(events.map(({ event_id }) => event_id));
    expect([...causes].filter((cause) => !known.has(cause ?? ''))).toEqual([]);
  });

  it('B-61 has at most 16 under way; the others get theirs as places come free', () => {
    for (let index = 0; index < 20; index++) rig.plan(`p${index}`);
    rig.perform('account.read');
    rig.driver.advance(SECOND);
    rig.perform('swap.build', 'swap.submit');
    rig.driver.advance(SECOND);
    expect(rig.chain.known.size).toBe(16);
    for (let round = 0; round < 3; round++) {
      rig.chain.mine();
      rig.perform();
      rig.driver.advance(SECOND);
    }
    rig.chain.mine();
    rig.perform();
    expect([...rig.chain.known.keys()]).toEqual(
      Array.from({ length: 20 }, (_, index) => FIRST + index),
    );
    expect(
      rig.driver.on('exec').filter(({ headers }) => headers['event_type'] === 'exec.completed'),
    ).toHaveLength(20);
  });

  it('B-61 gives what was never handed in to the next one, where nothing hangs on it', () => {
    rig.plan('a');
    rig.plan('b');
    rig.perform('account.read');
    rig.driver.advance(SECOND);
    rig.fail(rig.open('swap.build')[1], 'INSUFFICIENT_FUNDS');
    rig.plan('c');
    rig.perform();
    expect([...rig.chain.known]).toEqual([
      [5, '0xplan-a'],
      [6, '0xplan-c'],
    ]);
  });

  it('B-61 fills a place that nobody will use while something hangs on it', () => {
    rig.plan('a');
    rig.plan('b');
    rig.perform('account.read');
    rig.driver.advance(SECOND);
    rig.fail(rig.open('swap.build')[0], 'INSUFFICIENT_FUNDS');
    rig.perform('swap.build', 'swap.submit');
    rig.chain.mine();
    expect(rig.chain.mined).toBe(FIRST);
    rig.driver.advance(5 * SECOND);
    rig.perform();
    expect(rig.chain.known.has(5)).toBe(false);
    rig.driver.advance(5 * SECOND);
    rig.perform();
    rig.chain.mine();
    rig.perform();
    expect([...rig.chain.known].sort()).toEqual([
      [5, 'nothing'],
      [6, '0xplan-b'],
    ]);
    expect(rig.execOf('b').at(-1)?.event_type).toBe('exec.completed');
  });

  it('B-61 fills the place of one that holds it and does nothing, which then swaps nothing', () => {
    rig.plan('a');
    rig.plan('b');
    rig.perform('account.read');
    rig.driver.advance(SECOND);
    const [idle, busy] = rig.open('swap.build');
    for (let effect = busy; effect !== undefined; effect = rig.open('swap.submit')[0])
      rig.driver.settle(effect, {
        ...{ ok: true, id: effect.request.id, name: effect.request.name },
        value: (rig.answer(effect) as { value: unknown }).value,
      });
    for (let seconds = 0; seconds < 25; seconds += 5) {
      rig.driver.advance(5 * SECOND);
      rig.perform('account.look', 'account.fill');
    }
    expect(rig.chain.known.get(5)).toBe('nothing');
    rig.chain.mine();
    expect(idle).toBeDefined();
    rig.perform();
    expect(rig.execOf('a').at(-1)?.event_type).toBe('exec.failed');
    expect(rig.execOf('b').at(-1)?.event_type).toBe('exec.completed');
  });

  it('B-61 takes over where a step has looked itself, unless it looked too early or the chain began anew', () => {
    const readsOf = (id: string): number => {
      rig.plan(id);
      const { length } = rig.open('account.read');
      rig.perform();
      rig.chain.mine();
      rig.perform();
      return length;
    };
    rig.looks = true;
    expect(readsOf('a')).toBe(0);
    expect(readsOf('b')).toBe(0);
    rig.publishPlan('late');
    const [early] = rig.open('swap.prepare');
    const pending = rig.chain.pending;
    rig.publishPlan('c');
    rig.settle(rig.open('swap.prepare')[1], { preparations: [], pending });
    rig.perform('swap.build', 'swap.submit');
    rig.chain.mine();
    rig.perform('swap.wait');
    rig.settle(early, { preparations: [], pending });
    expect(rig.open('account.read')).toHaveLength(1);
    rig.perform();
    rig.chain.mine();
    rig.perform();
    expect([...rig.chain.known.keys()]).toEqual([5, 6, 7, 8]);
    rig.chain.known.clear();
    rig.chain.mined = 2;
    expect(readsOf('d')).toBe(1);
    expect([...rig.chain.known]).toEqual([[2, '0xplan-d']]);
    for (const id of ['a', 'b', 'late', 'c', 'd'])
      expect(rig.execOf(id).at(-1)?.event_type).toBe('exec.completed');
  });

  it('B-61 does not fill the place of what the node has lost and is shown again', () => {
    for (const id of ['a', 'b']) rig.plan(id);
    rig.perform('account.read');
    rig.driver.advance(SECOND);
    rig.perform('swap.build', 'swap.submit');
    for (let look = 0; look < 8; look++) {
      const lost = rig.chain.known.get(5) ?? '';
      rig.chain.known.delete(5);
      rig.driver.advance(5 * SECOND);
      rig.perform('account.look', 'account.fill');
      rig.chain.known.set(5, lost);
      rig.driver.advance(5 * SECOND);
      rig.perform('account.look', 'account.fill');
    }
    expect(rig.chain.known.get(5)).toBe('0xplan-a');
  });

  describe('a transaction that nobody mines', () => {
    const FEES = { maxFeePerGas: '1000', maxPriorityFeePerGas: '10' };
    const settle = (name: string, value: unknown): void => {
      const [effect] = rig.open(name);
      if (effect === undefined) throw new Error(`no ${name} is open`);
      rig.driver.settle(effect, { ok: true, id: effect.request.id, name, value });
    };
    const tx = (txHash: string, fees = FEES) => ({ txHash, raw: txHash, nonce: FIRST, fees });
    const submittedOf = () =>
      rig.driver
        .on('exec')
        .map(({ value }) => (value as EventRecord).payload as Record<string, unknown>)
        .filter((payload) => 'replaces' in payload)
        .map(({ txHash, replaces }) => [txHash, replaces]);
    const waiting = () => rig.open('swap.wait')[0]?.request.args as SwapWaitArgs;

    beforeEach(() => {
      rig.plan('a');
      rig.perform('account.read');
      settle('swap.build', tx('0x1'));
      settle('swap.submit', '0x1');
    });

    it('B-57 B-59 is replaced at its own place by one that offers more; the one that was mined is named', () => {
      expect(waiting()).toMatchObject({ tx: { txHash: '0x1' }, timeoutS: 30 });
      rig.fail(rig.open('swap.wait')[0], 'TX_TIMEOUT');
      const offer = { maxFeePerGas: '1251', maxPriorityFeePerGas: '13' };
      expect(rig.open('swap.build')[0]?.request.args).toMatchObject({ nonce: FIRST, fees: offer });
      settle('swap.build', tx('0x2', offer));
      settle('swap.submit', '0x2');
      expect(submittedOf()).toEqual([
        ['0x1', null],
        ['0x2', '0x1'],
      ]);
      expect(waiting().earlier).toEqual([tx('0x1')]);
      settle('swap.wait', { status: 1, txHash: '0x1', amountOut: '3' });
      const [filled] = rig.driver.on('exec').slice(-2);
      expect((filled?.value as EventRecord).payload).toMatchObject({ txHash: '0x1' });
      expect(rig.execOf('a').map(({ sequence }) => sequence)).toEqual([5, 6, 7, 8, 9]);
    });

    it('B-57 B-58 is neither replaced nor given up once it is mined, however late it counts', () => {
      for (let wait = 0; wait < 10; wait++) {
        expect(waiting()).toMatchObject({ tx: { txHash: '0x1' }, timeoutS: 30 });
        rig.driver.restart();
        rig.fail(rig.open('swap.wait')[0], 'TX_UNCONFIRMED', 'retry');
      }
      expect(rig.open('swap.build')).toEqual([]);
      // Taken back by the chain: it waits as before.
      rig.fail(rig.open('swap.wait')[0], 'TX_TIMEOUT');
      settle('swap.build', tx('0x2'));
      settle('swap.submit', '0x2');
      rig.fail(rig.open('swap.wait')[0], 'TX_UNCONFIRMED', 'retry');
      expect(waiting().earlier).toEqual([tx('0x1')]);
      settle('swap.wait', { status: 1, txHash: '0x1', amountOut: '3' });
      expect(rig.execOf('a').at(-1)?.event_type).toBe('exec.completed');
    });

    it('B-57 is replaced three times at most, in 120 s, and then given up', () => {
      const waits: number[] = [];
      for (let bump = 1; bump <= 3; bump++) {
        waits.push(waiting().timeoutS);
        rig.fail(rig.open('swap.wait')[0], 'TX_TIMEOUT');
        settle('swap.build', tx(`0x${bump + 1}`));
        settle('swap.submit', `0x${bump + 1}`);
      }
      waits.push(waiting().timeoutS);
      rig.fail(rig.open('swap.wait')[0], 'TX_TIMEOUT');
      expect(waits.reduce((sum, each) => sum + each)).toBe(120);
      expect(rig.execOf('a').at(-1)?.event_type).toBe('exec.failed');
    });

    it.each(['swap.build', 'swap.submit'])(
      'B-57 is waited for again, and not replaced any more, when %s of the other fails',
      (name) => {
        rig.fail(rig.open('swap.wait')[0], 'TX_TIMEOUT');
        if (name === 'swap.submit') settle('swap.build', tx('0x2'));
        rig.fail(rig.open(name)[0], 'NONCE_TOO_LOW');
        expect(waiting()).toMatchObject({ tx: { txHash: '0x1' }, timeoutS: 120 });
        expect(waiting().earlier).toBeUndefined();
        settle('swap.wait', { status: 1, txHash: '0x1', amountOut: '3' });
        expect(submittedOf()).toEqual([['0x1', null]]);
        expect(rig.execOf('a').at(-1)?.event_type).toBe('exec.completed');
      },
    );
  });
});
