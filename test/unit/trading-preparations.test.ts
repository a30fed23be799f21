import { beforeEach, describe, expect, it } from 'vitest';
import type { EventRecord } from '../../engine/event.ts';
import { AccountRig, FIRST, SECOND } from '../support/account-rig.ts';

let rig: AccountRig;
beforeEach(() => {
  rig = new AccountRig();
});

describe('a swap that needs something first', () => {
  const WRAP = { kind: 'wrap', asset: 'WETH', amount: '0.5' } as const;
  const APPROVE = { kind: 'approve', asset: 'WETH', amount: '1' } as const;
  const typesOf = (id: string) => rig.execOf(id).map(({ event_type: type }) => type);
  const SOLD = ['exec.started', 'exec.step_submitted', 'exec.step_filled', 'exec.completed'];

  it('B-57 B-61 has its places before its own, and nobody gets between, however long they take', () => {
    rig.lacks = [WRAP, APPROVE];
    rig.plan('a');
    rig.perform('account.read');
    rig.lacks = [];
    rig.plan('b');
    rig.perform();
    expect([...rig.chain.known]).toEqual([
      [5, '0xwrap-5'],
      [8, '0xplan-b'],
    ]);
    for (let seconds = 0; seconds < 60; seconds += 5) {
      rig.driver.advance(5 * SECOND);
      rig.perform('account.look', 'account.fill');
    }
    rig.chain.mine();
    rig.perform();
    expect(rig.chain.known.get(6)).toBe('0xapprove-6');
    rig.chain.mine();
    rig.perform();
    rig.chain.mine();
    rig.perform();
    expect([...rig.chain.known].sort()).toEqual([
      [5, '0xwrap-5'],
      [6, '0xapprove-6'],
      [7, '0xplan-a'],
      [8, '0xplan-b'],
    ]);
    expect([typesOf('a'), typesOf('b')]).toEqual([SOLD, SOLD]);
    expect(rig.driver.on('exec').map(({ value }) => (value as EventRecord).payload)).toContainEqual(
      expect.objectContaining({ txHash: '0xplan-a', replaces: null }),
    );
  });

  it('B-60 B-61 fails with what it needed, and gives the places back that it does not use', () => {
    rig.lacks = [APPROVE];
    rig.plan('a');
    rig.perform('account.read', 'preparation.build', 'swap.submit');
    const [wait] = rig.open('swap.wait');
    if (wait === undefined) throw new Error('the approval is not waited for');
    const { id, name } = wait.request;
    const value = { status: 0, txHash: '0xapprove-5', amountOut: null };
    rig.driver.settle(wait, { ok: true, id, name, value });
    expect(typesOf('a')).toEqual(['exec.started', 'exec.failed']);
    expect(rig.driver.on('exec').at(-1)?.value).toMatchObject({
      payload: {
        code: 'TX_REVERTED',
        reason: 'Transaction 0xapprove-5, to approve WETH, was reverted by the chain.',
      },
    });
    rig.chain.mine();
    rig.lacks = [];
    rig.plan('b');
    rig.perform();
    expect([...rig.chain.known]).toEqual([
      [5, '0xapprove-5'],
      [6, '0xplan-b'],
    ]);
  });

  it('B-61 fills the places of one that stops after its first', () => {
    rig.lacks = [APPROVE];
    rig.plan('a');
    rig.perform('account.read', 'preparation.build', 'swap.submit');
    rig.lacks = [];
    rig.plan('b');
    rig.perform('swap.build', 'swap.submit');
    rig.chain.mine();
    const [wait] = rig.open('swap.wait');
    if (wait !== undefined)
      rig.driver.settle(wait, {
        ...{ ok: true, id: wait.request.id, name: wait.request.name },
        value: { status: 1, txHash: '0xapprove-5', amountOut: '0' },
      });
    const looks: boolean[] = [];
    for (let seconds = 5; seconds <= 30; seconds += 5) {
      rig.driver.advance(5 * SECOND);
      rig.perform('account.look', 'account.fill');
      looks.push(rig.chain.known.has(6));
    }
    expect(looks).toEqual([false, false, false, true, true, true]);
  });
});

it.each([
  { needs: 'nothing', first: [], looks: false },
  { needs: 'nothing, and looks itself', first: [], looks: true },
  {
    needs: 'ether wrapped, and an allowance',
    first: [
      { kind: 'wrap', asset: 'WETH', amount: '1' },
      { kind: 'approve', asset: 'WETH', amount: 'unlimited' },
    ],
  },
] as const)(
  'B-61 comes to the same end over a restart before and after every effect: needs $needs',
  ({ first, looks }) => {
    rig.lacks = first;
    rig.looks = looks === true;
    const ids = ['a', 'b', 'c'];
    for (const id of ids) rig.publishPlan(id);
    const isOver = (): boolean =>
      ids.every((id) => rig.execOf(id).at(-1)?.event_type === 'exec.completed');
    for (let step = 0; step < 150 && !isOver(); step++) {
      rig.driver.restart();
      const effect = rig.driver.openEffects.find((each) => rig.answer(each) !== undefined);
      if (effect === undefined) {
        rig.chain.mine();
        rig.driver.advance(SECOND);
        continue;
      }
      const { id, name } = effect.request;
      const { value } = rig.answer(effect) as { value: unknown };
      rig.driver.settle(effect, { ok: true, id, name, value });
    }
    expect(isOver()).toBe(true);
    const places = ids.length * (first.length + 1);
    expect([...rig.chain.known.keys()].sort((left, right) => left - right)).toEqual(
      Array.from({ length: places }, (_, index) => FIRST + index),
    );
    expect(rig.driver.replayed().dump()).toBe(rig.driver.state.dump());
  },
);
