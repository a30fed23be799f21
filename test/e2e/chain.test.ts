import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ChainProof } from '../../cli/demo/chain-proof.ts';
import type { Report } from '../../cli/demo/report.ts';
import type { KafkaClient } from '../../kafka/client.ts';
import { platformaticClient } from '../../kafka/platformatic.ts';
import { FORK_URL, FORKED, type ForkedChain, startFork } from '../support/fork.ts';
import { venueOn } from '../support/venue-on.ts';
import { LIFE, SystemClient } from './system-client.ts';
import { type System, startSystem } from './system-fixture.ts';

interface Line {
  readonly base: string;
  readonly quote: string;
  readonly amount_in: string;
  readonly max_slippage?: string;
}

type Said = Report & { readonly chain: ChainProof };

/** Of mainnet where FORK_RPC_URL names a node, else of a chain that is started for it. */
describe(`trading on a fork of ${FORKED}`, () => {
  let chain: ForkedChain;
  let system: System;
  let kafka: KafkaClient;
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'millrace-swaps-'));
    chain = await startFork();
    const env = {
      PLATFORM_MOCK_CHAIN: 'false',
      ETH_RPC_URL: chain.url,
      CHAIN_ID: '31337',
      SIGNER_PRIVATE_KEY: chain.key,
      USE_MAINNET_FORK: String(FORK_URL !== null),
      RETRY_DELAYS_MS: '1000,2000,2000',
      MAX_EXEC_ATTEMPTS: '30',
    };
    system = await startSystem('chain', { env });
    const { brokers } = system.config.kafka;
    kafka = platformaticClient({ brokers, clientId: 'chain' });
  }, 120_000);
  afterAll(async () => {
    await system?.stop();
    await chain?.remove();
    await rm(folder, { recursive: true, force: true });
  });

  const demo = async (lines: readonly (Line & { readonly expect: object })[]): Promise<Said> => {
    const file = join(folder, 'swaps.ndjson');
    const texts = lines.map(({ expect: wanted, ...line }, index) => {
      const body = { strategyId: 'on-chain', notional_usd: '1000', max_slippage: '0.01', ...line };
      return JSON.stringify({ name: `line ${index}`, body, expect: { http: 202, ...wanted } });
    });
    await writeFile(file, texts.join('\n'));
    const args = ['--file', file, '--url', system.url, '--chain', 'anvil', '--json'];
    const { out, err } = await system.run('cli/main.ts', 'demo', ...args);
    expect(err).toBe('');
    return JSON.parse(out) as Said;
  };
  const units = (amount: string): bigint => {
    const [whole = '', fraction = ''] = amount.split('.');
    return BigInt(whole + fraction.padEnd(18, '0'));
  };

  it.each([
    { base: 'WETH', quote: 'USDC', amount_in: '0.5' },
    { base: 'USDC', quote: 'WETH', amount_in: '1000' },
  ])('B-97 B-99 B-106 an intent ends in a swap on the chain: $base for $quote', async (line) => {
    const venue = venueOn(chain, chain);
    const balances = async (): Promise<readonly bigint[]> =>
      Promise.all([line.base, line.quote].map(async (each) => units(await venue.balance(each))));
    const [soldBefore = 0n, boughtBefore = 0n] = await balances();
    const report = await demo([{ ...line, expect: { state: 'Completed' } }]);
    const [soldAfter = 0n, boughtAfter = 0n] = await balances();
    expect(report).toMatchObject({ mismatches: [], completed: 1 });
    expect(report.chain).toMatchObject({ mined: 1, missing: [] });
    const { amountIn = '', amountOut = '', minOut = '', txHash } = report.chain.example ?? {};
    expect(await chain.rpc('eth_getTransactionReceipt', txHash)).toMatchObject({ status: '0x1' });
    expect(soldBefore - soldAfter).toBe(units(amountIn));
    expect(boughtAfter - boughtBefore).toBe(units(amountOut));
    expect(units(amountOut)).toBeGreaterThanOrEqual(units(minOut));
  });

  it('B-50 B-63 many at once, each with a transaction of its own, on prices that move', async () => {
    const big = { base: 'WETH', quote: 'USDC', amount_in: '0.5', expect: { state: 'Completed' } };
    const back = { ...big, base: 'USDC', quote: 'WETH', amount_in: '1000' };
    const before = await venueOn(chain, chain).nonceState();
    const report = await demo(Array.from({ length: 24 }, (_, index) => (index % 2 ? back : big)));
    expect(report).toMatchObject({ mismatches: [], completed: 24 });
    expect(report.chain).toMatchObject({ mined: 24, missing: [] });
    const after = await venueOn(chain, chain).nonceState();
    expect(after).toEqual({ mined: before.mined + 24, pending: before.mined + 24 });
  });

  it('B-50 B-75 plans while the node is away, and swaps once it is back', async () => {
    const client = new SystemClient(system, kafka);
    await chain.stop();
    const intentId = await client.submit();
    const begun = await client.history(intentId, 5);
    expect(begun.map(({ topic }) => topic)).toEqual(LIFE.slice(0, 5));
    await chain.start();
    const events = await client.history(intentId, LIFE.length);
    expect(events.map(({ topic }) => topic)).toEqual(LIFE);
    const { txHash } = events.at(-1)?.payload ?? {};
    expect(await chain.rpc('eth_getTransactionReceipt', txHash)).toMatchObject({ status: '0x1' });
  });

  it('B-63 B-98 replays what it recorded to the same decisions, by the address of the account alone', async () => {
    const env = { SIGNER_PRIVATE_KEY: '', SIGNER_ADDRESS: chain.trader };
    const known = await system.run({ file: 'cli/main.ts', env }, 'replay', '--check', '--json');
    expect([known.code, known.err]).toEqual([0, '']);
    const { checks } = JSON.parse(known.out) as {
      readonly checks: readonly { readonly application: string; readonly inputs: number }[];
    };
    const orchestrator = checks.find(({ application }) => application === 'orchestrator.workers');
    expect(orchestrator?.inputs).toBeGreaterThan(24 * 5);
  });

  it('B-63 shows the key in no log, journal, record or store, and in nothing that a failing run says', async () => {
    const client = new SystemClient(system, kafka);
    const admin = kafka.admin();
    const prefix = system.config.kafka.topicPrefix;
    const topics = (await admin.listTopics()).filter((topic) => topic.startsWith(prefix));
    await admin.close();
    expect(topics).toContain(system.names.physical('orchestrator.workers.journal'));
    const said = [Buffer.from(await system.log('orchestrator'))];
    for (const topic of topics)
      for (const { key, value } of await client.readTopic(topic))
        said.push(
          ...[key, value].filter((bytes) => bytes !== null).map((each) => Buffer.from(each)),
        );
    for (const text of [...(await stored(system)), ...(await failingRuns())])
      said.push(Buffer.from(text));
    const all = Buffer.concat(said);
    for (const word of ['exec.completed', 'WETH', 'RPC_AWAY', 'has no chain 5', 'Completed'])
      expect([word, all.includes(word)]).toEqual([word, true]);
    const secret = chain.key.slice(2);
    for (const form of [secret, secret.toUpperCase(), Buffer.from(secret, 'hex'), base64(secret)])
      expect(all.includes(form)).toBe(false);
  });

  /** What an orchestrator says that ends with an error: every way that has to do with its key or its chain. */
  async function failingRuns(): Promise<readonly string[]> {
    const [long, short] = [join(folder, 'long'), join(folder, 'short')];
    await writeFile(long, `${chain.key}00`);
    await writeFile(short, chain.key.slice(2));
    const settings: readonly Readonly<Record<string, string>>[] = [
      { CHAIN_ID: '5' },
      { SIGNER_PRIVATE_KEY: '', SIGNER_PRIVATE_KEY_FILE: long },
      { SIGNER_PRIVATE_KEY: '', SIGNER_PRIVATE_KEY_FILE: short },
      { SIGNER_PRIVATE_KEY_FILE: short },
      { SIGNER_PRIVATE_KEY: `${chain.key}00` },
      { SIGNER_ADDRESS: `0x${'ab'.repeat(20)}` },
      { KAFKA_BROKERS: '127.0.0.1:1' },
    ];
    const runs = await Promise.all(
      settings.map((env) => system.run({ file: 'apps/main.ts', env }, 'orchestrator')),
    );
    for (const { code } of runs) expect(code).toBeGreaterThan(0);
    return runs.flatMap(({ out, err }) => [out, err]);
  }
});

/** All rows of all tables, and all values in Redis, as text. */
async function stored({ database, redisUrl }: System): Promise<readonly string[]> {
  const tables = await database.query<{ name: string }>(
    `SELECT quote_ident(schemaname) || '.' || quote_ident(relname) AS name FROM pg_stat_user_tables`,
  );
  const texts: string[] = [];
  for (const { name } of tables) {
    const rows = await database.query<{ row: string }>(`SELECT t::text AS row FROM ${name} t`);
    texts.push(...rows.map(({ row }) => row));
  }
  const redis = new Redis(redisUrl);
  for (const key of await redis.keys('*')) {
    const dump = await redis.dumpBuffer(key);
    texts.push(key, dump?.toString('latin1') ?? '', (await redis.get(key).catch(() => null)) ?? '');
  }
  await redis.quit();
  return texts;
}

function base64(hexadecimal: string): string {
  return Buffer.from(hexadecimal, 'hex').toString('base64').replaceAll('=', '');
}
