import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { SystemClient, WireEvent } from '../e2e/system-client.ts';
import type { System } from '../e2e/system-fixture.ts';
import { ChainRig } from '../support/chain-rig.ts';
import { eventually } from '../support/eventually.ts';
import type { LocalChain } from '../support/local-chain.ts';
import { venueOn } from '../support/venue-on.ts';

const AMOUNT = '0.1';
const CONFIRMATIONS = 2;
/** How long an instance that is gone may leave a place empty that others hang on. */
const HOLE_MS = 30_000;

let rig: ChainRig;
let chain: LocalChain;
let system: System;
let client: SystemClient;

/** Two orchestrators of one account, on a chain whose blocks the test mines; the tap is the first one's. */
beforeAll(async () => {
  rig = await ChainRig.start({
    name: 'chain-instances',
    ...{ amount: AMOUNT, notionalUsd: '250', second: ['orchestrator'] },
    env: { CONFIRMATIONS: String(CONFIRMATIONS), SWAP_BUMP_AFTER_S: '2' },
    prepare: ({ rpc }) => rpc('evm_setAutomine', false),
  });
  ({ chain, system, client } = rig);
}, 90_000);

afterAll(() => rig?.stop());

afterEach(() => mineEvery(0));

const mine = (blocks = 1): Promise<unknown> => chain.rpc('anvil_mine', `0x${blocks.toString(16)}`);
const mineEvery = (seconds: number): Promise<unknown> =>
  chain.rpc('evm_setIntervalMining', seconds);
const submit = (): Promise<string> => rig.submit();
const isMined = async (txHash: unknown): Promise<boolean> =>
  (await chain.rpc('eth_getTransactionReceipt', txHash)) !== null;
/** Hash of an intent's newest transaction, once it has so many. */
async function submitted(intentId: string, count = 1): Promise<unknown> {
  const events = await client.history(intentId, 5 + count);
  return events[4 + count]?.payload['txHash'];
}

/** All events of an intent that has ended. */
async function whole(intentId: string): Promise<readonly WireEvent[]> {
  let events: readonly WireEvent[] = [];
  await eventually('its history is whole', async () => {
    events = await client.history(intentId, 8);
    return events.at(-1)?.topic === 'exec.completed';
  });
  return events;
}

type Before = Awaited<ReturnType<ChainRig['spent']>>;

async function expectSold(before: Before, intents: readonly string[]): Promise<void> {
  for (const intentId of intents) expect((await client.ended(intentId)).state).toBe('Completed');
  await rig.requireSold(before, intents.length);
}

describe('a swap that is not mined at once', () => {
  it('B-57 B-59 is offered again for more at its own place; what was mined is named', async () => {
    const before = await rig.spent();
    const intentId = await submit();
    const first = await submitted(intentId);
    await submitted(intentId, 2);
    await mine(CONFIRMATIONS);
    await expectSold(before, [intentId]);
    const events = await whole(intentId);
    const offers = events.filter(({ topic }) => topic === 'exec.step_submitted');
    const hashes = offers.map(({ payload }) => payload['txHash']);
    expect(offers.map(({ payload }) => payload['replaces'])).toEqual([
      null,
      ...hashes.slice(0, -1),
    ]);
    const filled = events.find(({ topic }) => topic === 'exec.step_filled')?.payload['txHash'];
    expect(hashes.slice(1)).toContain(filled);
    expect([await isMined(first), await isMined(filled)]).toEqual([false, true]);
  });

  it('B-61 B-63 that the node drops is shown to it again, at its own place', async () => {
    const before = await rig.spent();
    const intentId = await submit();
    const txHash = await submitted(intentId);
    expect(await chain.rpc('anvil_dropTransaction', txHash)).toBe(txHash);
    await eventually(
      'it is there again',
      async () => (await venueOn(chain).nonceState()).pending === before.mined + 1,
    );
    await mine(CONFIRMATIONS);
    await expectSold(before, [intentId]);
  });

  it('B-58 B-63 waits again when the chain takes its block back', async () => {
    const before = await rig.spent();
    const intentId = await submit();
    const txHash = await submitted(intentId);
    await mine();
    expect(await isMined(txHash)).toBe(true);
    await chain.rpc('anvil_reorg', 1, []);
    expect(await isMined(txHash)).toBe(false);
    expect((await client.get(`/intents/${intentId}`)).text).toContain('"Executing"');
    await eventually('it is there again', async () => {
      const { pending } = await venueOn(chain).nonceState();
      return pending === before.mined + 1;
    });
    await mine(CONFIRMATIONS);
    await expectSold(before, [intentId]);
  });
});

describe('two orchestrators of one account', () => {
  it('B-61 B-63 swap each once, in places without a gap, when one of them is killed', async () => {
    const before = await rig.spent();
    await mineEvery(1);
    const killed = Math.random() < 0.5 ? 'orchestrator' : 'orchestrator.2';
    const afterMs = Math.random() * 500;
    console.log(`kills ${killed} ${afterMs.toFixed()} ms after the first of 20`);
    const intents: Promise<string>[] = [];
    const kill = new Promise<void>((resolve, reject) => {
      setTimeout(() => system.kill(killed).then(resolve, reject), afterMs);
    });
    for (let count = 0; count < 20; count++) intents.push(submit());
    await kill;
    await expectSold(before, await Promise.all(intents));
    await system.start(killed);
  });

  it('B-61 an instance that is gone between a place and its transaction holds the others up for 30 s at most', async () => {
    const before = await rig.spent();
    const queued = async (): Promise<number> =>
      Number(((await chain.rpc('txpool_status')) as { readonly queued: string }).queued);
    const later: string[] = [];
    const act = async (): Promise<void> => {
      later.push(await submit(), await submit());
      await eventually('another hangs on it', async () => (await queued()) > 0);
      await system.kill('orchestrator');
    };
    const killed = rig.tap.arm({ method: 'eth_sendRawTransaction', when: 'before', act });
    const intents = await Promise.all(Array.from({ length: 8 }, submit));
    await killed;
    const goneAt = performance.now();
    await eventually('none does', async () => (await queued()) === 0, HOLE_MS);
    expect(performance.now() - goneAt).toBeLessThan(HOLE_MS);
    await mineEvery(1);
    await expectSold(before, [...intents, ...later]);
  });
});
