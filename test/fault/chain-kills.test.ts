import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { LIFE, type SystemClient } from '../e2e/system-client.ts';
import type { System } from '../e2e/system-fixture.ts';
import { ChainRig, units } from '../support/chain-rig.ts';
import { eventually } from '../support/eventually.ts';
import { ProduceTrap } from '../support/produce-trap.ts';
import type { Trap } from '../support/rpc-tap.ts';
import { makeUnready } from '../support/unready.ts';
import { venueOn } from '../support/venue-on.ts';

const AMOUNT = '0.25';
const JOURNAL = 'orchestrator.workers.journal';

let rig: ChainRig;
let broker: ProduceTrap;
let system: System;
let client: SystemClient;

beforeAll(async () => {
  broker = await ProduceTrap.start();
  rig = await ChainRig.start({
    name: 'chain-kills',
    ...{ amount: AMOUNT, notionalUsd: '600' },
    orchestratorEnv: { KAFKA_BROKERS: broker.address },
  });
  ({ system, client } = rig);
}, 90_000);

afterAll(async () => {
  await rig?.stop();
  await broker?.stop();
});

const lastOf = async (intentId: string): Promise<string | undefined> =>
  (await client.history(intentId, 8)).at(-1)?.topic;

/** Of a swap in whose midst the orchestrator is killed, and started again. */
async function sellsOnce(arm: () => Promise<{ readonly done: Promise<void> }>): Promise<void> {
  const before = await rig.spent();
  const killed = await arm();
  const intentId = await rig.submit();
  await killed.done;
  await system.start('orchestrator');
  expect(await lastOf(intentId)).toBe('exec.completed');
  await rig.requireSold(before, 1);
}

describe('an orchestrator that is killed', () => {
  const points: readonly (Pick<Trap, 'method' | 'when'> & { readonly point: string })[] = [
    { point: 'before a place is reserved', method: 'eth_getTransactionCount', when: 'before' },
    { point: 'before it signs', method: 'eth_estimateGas', when: 'after' },
    { point: 'before it broadcasts', method: 'eth_sendRawTransaction', when: 'before' },
    { point: 'after it broadcast', method: 'eth_sendRawTransaction', when: 'after' },
    { point: 'when it has the receipt', method: 'eth_getTransactionReceipt', when: 'after' },
  ];

  it.each(points)('B-61 B-63 swaps once: $point', async ({ method, when }) => {
    const act = (): Promise<void> => system.kill('orchestrator');
    await sellsOnce(async () => ({ done: rig.tap.arm({ method, when, act }) }));
  });

  const records = [
    { point: 'the wish for a place', topic: 'rk.chain.account', after: null },
    { point: 'the record of what was signed', topic: JOURNAL, after: 'eth_estimateGas' },
    { point: 'the record of the receipt', topic: JOURNAL, after: 'eth_getTransactionReceipt' },
    { point: 'what it says of the end', topic: 'exec', after: 'eth_getTransactionReceipt' },
  ].flatMap((each) => (['before', 'after'] as const).map((when) => ({ ...each, when })));

  it.each(records)(
    'B-61 B-63 swaps once: $when $point is on the log',
    async ({ topic, after, when }) => {
      await sellsOnce(() => {
        const seen = after === null ? 0 : rig.tap.answered(after);
        return broker.arm({
          ...{ topic: system.names.physical(topic), when, kafka: rig.kafka },
          isDue: () => after === null || rig.tap.answered(after) > seen,
          act: () => system.kill('orchestrator'),
        });
      });
    },
  );

  it('B-61 B-63 B-82 swaps each once, while nothing is mined, and says what is under way', async () => {
    const before = await rig.spent();
    const venue = venueOn(rig.chain);
    await rig.chain.rpc('evm_setAutomine', false);
    const intents = await Promise.all([rig.submit(), rig.submit(), rig.submit()]);
    const pending = async (): Promise<number> => (await venue.nonceState()).pending;
    await eventually('all are handed in', async () => (await pending()) === before.mined + 3);
    await system.kill('orchestrator');
    await system.start('orchestrator');
    const metric = (name: string): Promise<number> => client.metric('orchestrator', name);
    expect(await metric(`millrace_nonces_open{account="${venue.account}"}`)).toBe(3);
    expect(await metric('millrace_plans_open')).toBe(3);
    expect(await metric('millrace_plan_oldest_seconds')).toBeGreaterThan(0);
    expect(await metric(`millrace_signer_balance_ether{account="${venue.account}"}`)).toBeLessThan(
      10_000,
    );
    await rig.chain.rpc('evm_mine');
    await rig.chain.rpc('evm_setAutomine', true);
    for (const intentId of intents) expect(await lastOf(intentId)).toBe('exec.completed');
    await rig.requireSold(before, 3);
  });

  // Last: from here on the account has nothing but ether, and no allowance.
  describe('of an account that has only ether', () => {
    beforeAll(() => makeUnready(rig.chain));

    const ready = { wraps: 1, approves: 1, swaps: 1 };
    it.each([
      { killed: 'by nobody', nth: 0, when: 'after' },
      { killed: 'after it wrapped', nth: 1, when: 'after' },
      { killed: 'before it approves', nth: 2, when: 'before' },
      { killed: 'after it approved', nth: 2, when: 'after' },
      { killed: 'before it swaps', nth: 3, when: 'before' },
    ] as const)('B-57 B-61 B-63 wraps, approves and swaps once: killed $killed', async (point) => {
      const { nth, when } = point;
      const venue = venueOn(rig.chain);
      const [mined, dollars] = [(await venue.nonceState()).mined, await venue.balance('USDC')];
      const ether = units(await venue.funds());
      const act = (): Promise<void> => system.kill('orchestrator');
      const isKilled = nth > 0;
      const killed = isKilled && rig.tap.arm({ method: 'eth_sendRawTransaction', when, nth, act });
      const intentId = await rig.submit();
      if (killed !== false) {
        await killed;
        await system.start('orchestrator');
      }
      const events = await client.history(intentId, 8);
      expect(events.map(({ topic }) => topic)).toEqual(LIFE);
      const { nonce } = (await rig.chain.rpc(
        'eth_getTransactionByHash',
        events[5]?.payload['txHash'],
      )) as { readonly nonce: string };
      const { wraps, approves, swaps } = ready;
      expect(Number(nonce)).toBe(mined + wraps + approves);
      expect((await venue.nonceState()).mined).toBe(mined + wraps + approves + swaps);
      expect([await venue.balance('WETH'), await venue.allowance('WETH')]).toEqual(['0', '0']);
      const spentEther = ether - units(await venue.funds());
      expect(spentEther >= units(AMOUNT) && spentEther < units('0.27')).toBe(true);
      expect(Number(await venue.balance('USDC')) - Number(dollars)).toBeCloseTo(
        Number(events[7]?.payload['amountOut']),
        5,
      );
    });
  });
});
