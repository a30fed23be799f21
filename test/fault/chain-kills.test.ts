import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { KafkaClient } from '../../kafka/client.ts';
import { platformaticClient } from '../../kafka/platformatic.ts';
import { SystemClient } from '../e2e/system-client.ts';
import { startSystem, type System } from '../e2e/system-fixture.ts';
import { eventually } from '../support/eventually.ts';
import { type LocalChain, startLocalChain } from '../support/local-chain.ts';
import { RpcTap, type Trap } from '../support/rpc-tap.ts';
import { venueOn } from '../support/venue-on.ts';

const AMOUNT = '0.25';

let chain: LocalChain;
let tap: RpcTap;
let system: System;
let kafka: KafkaClient;
let client: SystemClient;

beforeAll(async () => {
  chain = await startLocalChain();
  tap = await RpcTap.start(chain.url);
  const env = {
    PLATFORM_MOCK_CHAIN: 'false',
    ETH_RPC_URL: tap.url,
    CHAIN_ID: '31337',
    SIGNER_PRIVATE_KEY: chain.key,
  };
  system = await startSystem('chain-kills', { separate: true, env });
  kafka = platformaticClient({ brokers: system.config.kafka.brokers, clientId: 'chain-kills' });
  client = new SystemClient(system, kafka);
}, 90_000);

afterAll(async () => {
  await system?.stop();
  await tap?.stop();
  await chain?.remove();
});

const units = (amount: string): bigint => {
  const [whole = '', fraction = ''] = amount.split('.');
  return BigInt(whole + fraction.padEnd(18, '0'));
};

/** What the account has sold, and how many transactions it has made. */
async function spent(): Promise<{ readonly sold: bigint; readonly mined: number }> {
  const venue = venueOn(chain);
  return { sold: -units(await venue.balance('WETH')), mined: (await venue.nonceState()).mined };
}

const submit = (): Promise<string> => client.submit({ amount_in: AMOUNT, notional_usd: '600' });
const lastOf = async (intentId: string): Promise<string | undefined> =>
  (await client.history(intentId, 8)).at(-1)?.topic;

describe('an orchestrator that is killed', () => {
  const points: readonly (Pick<Trap, 'method' | 'when'> & { readonly point: string })[] = [
    { point: 'before a place is reserved', method: 'eth_getTransactionCount', when: 'before' },
    { point: 'before it signs', method: 'eth_estimateGas', when: 'after' },
    { point: 'before it broadcasts', method: 'eth_sendRawTransaction', when: 'before' },
    { point: 'after it broadcast', method: 'eth_sendRawTransaction', when: 'after' },
    { point: 'when it has the receipt', method: 'eth_getTransactionReceipt', when: 'after' },
  ];

  it.each(points)('B-61 B-63 swaps once: $point', async ({ method, when }) => {
    const before = await spent();
    const killed = tap.arm({ method, when, act: () => system.kill('orchestrator') });
    const intentId = await submit();
    await killed;
    await system.start('orchestrator');
    expect(await lastOf(intentId)).toBe('exec.completed');
    const after = await spent();
    expect(after.sold - before.sold).toBe(units(AMOUNT));
    expect(after.mined - before.mined).toBe(1);
  });

  it('B-61 B-63 B-82 swaps each once, while nothing is mined, and says what is under way', async () => {
    const before = await spent();
    const venue = venueOn(chain);
    await chain.rpc('evm_setAutomine', false);
    const intents = await Promise.all([submit(), submit(), submit()]);
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
    await chain.rpc('evm_mine');
    await chain.rpc('evm_setAutomine', true);
    for (const intentId of intents) expect(await lastOf(intentId)).toBe('exec.completed');
    const after = await spent();
    expect(after.sold - before.sold).toBe(3n * units(AMOUNT));
    expect(after.mined - before.mined).toBe(3);
  });
});
