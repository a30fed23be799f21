import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { CREDIT, type CustomerState } from '../support/credit.ts';
import { EngineFixture } from '../support/engine-fixture.ts';
import { EngineProcess } from '../support/engine-process.ts';
import { eventually } from '../support/eventually.ts';
import { firstEvent } from '../support/test-application.ts';

const CUSTOMERS = ['ann', 'bob', 'cy', 'dot', 'eve', 'flo', 'gus', 'hal'];
const LINES = 3;

let fixture: EngineFixture;
const processes: EngineProcess[] = [];
beforeEach(async () => {
  fixture = await EngineFixture.start({ application: CREDIT });
});
afterEach(async () => {
  await Promise.all(processes.splice(0).map((each) => each.kill()));
  await fixture.end();
});

function start(instance: number): EngineProcess {
  const { prefix } = fixture.names;
  const instanceId = `credit.${instance}`;
  const started = new EngineProcess({ application: 'credit', prefix, instanceId });
  processes.push(started);
  return started;
}

/** Orders of three lines each; every order asks three customers. */
const orders = (from: number, count: number) =>
  Array.from({ length: count }, (_, index) => {
    const order = from + index;
    const lines = Array.from({ length: LINES }, (_each, line) => ({
      customer: CUSTOMERS[(order * 5 + line * 3) % CUSTOMERS.length],
      amount: 1,
      line,
    }));
    return firstEvent('order.placed', `o${order}`, `e${order}`, { lines });
  });

async function onTopic(logical: string): Promise<number> {
  const bounds = await fixture.admin.offsets(fixture.names.physical(logical));
  return bounds.reduce((sum, { start: from, end }) => sum + end - from, 0);
}

const settled = (count: number): Promise<void> =>
  eventually(
    `${count} orders are settled`,
    async () =>
      (await onTopic('orders.settled')) >= count &&
      (await fixture.readOnce('orders.settled')).length >= count,
    90_000,
  );

describe('tell between two processes', () => {
  it('J7a J5 keeps order and handles once across partitions, a killed owner included', async () => {
    start(1);
    const second = start(2);
    await fixture.publish(...orders(0, 40));
    await settled(40);
    await fixture.publish(...orders(40, 200));
    await second.kill();
    await fixture.publish(...orders(240, 60));
    start(2);
    await settled(300);

    await eventually(
      'every line is audited',
      async () => {
        const audited = await fixture.states('auditor');
        const lines = [...audited.values()].flatMap((each) => (each as { lines: [] }).lines);
        return lines.length >= 300 * LINES;
      },
      60_000,
    );
    expect(await fixture.readOnce('orders.settled')).toHaveLength(300);
    expect(await fixture.readOnce('rk.credit')).toHaveLength(300 * LINES);
    expect(await fixture.readOnce('rk.credit.answers')).toHaveLength(300 * LINES);
    const asked = new Set<string>();
    for (const [customer, state] of await fixture.states('customer')) {
      for (const each of (state as CustomerState).asked) {
        expect(asked.has(each)).toBe(false);
        asked.add(each);
        const [order = '', line = ''] = each.split('/');
        expect(CUSTOMERS[(Number(order.slice(1)) * 5 + Number(line) * 3) % 8]).toBe(customer);
      }
    }
    expect(asked.size).toBe(300 * LINES);
    for (const [, state] of await fixture.states('order')) {
      const { answers } = state as { readonly answers: readonly number[] };
      expect(answers.toSorted()).toEqual([0, 1, 2]);
    }
    const keys = (await fixture.read('rk.credit')).map(({ partition, key }) => ({
      partition,
      right: fixture.partitionOf(Buffer.from(key ?? []).toString()),
    }));
    expect(keys.filter(({ partition, right }) => partition !== right)).toEqual([]);
  }, 200_000);
});
