import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ConfigError, loadConfig } from '../../apps/config.ts';

function problemsOf(env: Record<string, string>): ConfigError['problems'] {
  try {
    loadConfig(env);
  } catch (error) {
    if (error instanceof ConfigError) return error.problems;
    throw error;
  }
  return [];
}

function variablesOf(env: Record<string, string>): string[] {
  return problemsOf(env).map(({ variable }) => variable);
}

describe('configuration', () => {
  it('has a default for everything, as docs/reference/interfaces.md names them', () => {
    const config = loadConfig({});
    expect(config.service.ports).toEqual({
      gateway: 3000,
      trading: 3001,
      orchestrator: 3002,
      coordinator: 3003,
    });
    expect(config.kafka.brokers).toEqual(['127.0.0.1:19092']);
    expect(config.stores).toEqual({
      registryUrl: 'http://127.0.0.1:18081/apis/ccompat/v7',
      databaseUrl: 'postgres://millrace_reader:millrace_reader@127.0.0.1:15432/millrace',
      coordinatorDatabaseUrl:
        'postgres://millrace_coordinator:millrace_coordinator@127.0.0.1:15432/millrace',
      ownerDatabaseUrl: 'postgres://millrace_owner:millrace_owner@127.0.0.1:15432/millrace',
      redisUrl: 'redis://127.0.0.1:16379',
    });
    expect(config.risk).toEqual({ maxNotionalUsd: '10000', maxSlippage: '0.05' });
    expect(config.execution).toEqual({
      maxAttempts: 3,
      maxInFlight: 1_000,
      retryDelaysMs: [10_000, 60_000, 300_000],
    });
    expect(config.kafka.partitions).toBe(4);
    expect(config.kafka.topicPrefix).toBe('');
    expect(config.coordinator.reorderWaitMs).toBe(30_000);
  });

  it('takes one DATABASE_URL for all that use the database, and another login for migrations', () => {
    const all = 'postgres://somebody:secret@db.example/events';
    const owner = 'postgres://owner:secret@db.example/events';
    const one = loadConfig({ DATABASE_URL: all }).stores;
    expect([one.databaseUrl, one.coordinatorDatabaseUrl, one.ownerDatabaseUrl]).toEqual(
      Array(3).fill(all),
    );
    const two = loadConfig({ DATABASE_URL: all, DATABASE_OWNER_URL: owner }).stores;
    expect([two.coordinatorDatabaseUrl, two.ownerDatabaseUrl]).toEqual([all, owner]);
  });

  it('B-17 B-89 leaves ML off and the mock chain on unless told otherwise', () => {
    const { planning, chain } = loadConfig({});
    expect(planning.mlEnabled).toBe(false);
    expect(chain.mock).toBe(true);
    expect(loadConfig({ PLATFORM_ENABLE_ML: 'true' }).planning.mlEnabled).toBe(true);
  });

  it('B-14 takes every variable that it is given', () => {
    const config = loadConfig({
      WS_ALLOWED_TOPICS: 'exec.*, plan.created',
      ETH_RPC_URL: 'http://127.0.0.1:18545/',
      CHAIN_ID: '1',
      USE_MAINNET_FORK: '1',
      RUST_ENGINE_ENABLED: 'TRUE',
      PLATFORM_MOCK_CHAIN: 'false',
      KAFKA_BROKERS: 'a:9092,b.example:9093',
      TOPIC_PREFIX: 'cypher.dev.',
      MAX_NOTIONAL_USD: '2500.50',
      RETRY_DELAYS_MS: '10, 20, 30',
      MILLRACE_NO_INSTALL: '1',
    });
    expect(config.gateway.wsAllowedTopics).toEqual(['exec.*', 'plan.created']);
    expect(config.chain).toEqual({
      mock: false,
      rpcUrl: 'http://127.0.0.1:18545',
      anvilPort: 18_545,
      forkUrl: null,
      chainId: 1,
      mainnetFork: true,
      signerKey: null,
      signerAddress: null,
      recipient: null,
      approval: 'exact',
      bumpAfterS: 30,
      confirmations: 1,
    });
    expect(config.planning.rustEngineEnabled).toBe(true);
    expect(config.kafka.brokers).toEqual(['a:9092', 'b.example:9093']);
    expect(config.kafka.topicPrefix).toBe('cypher.dev.');
    expect(config.risk.maxNotionalUsd).toBe('2500.50');
    expect(config.execution.retryDelaysMs).toEqual([10, 20, 30]);
  });

  it('follows the ports of the stack where no address is given', () => {
    const config = loadConfig({
      KAFKA_PORT: '1',
      SCHEMA_REGISTRY_PORT: '2',
      POSTGRES_PORT: '3',
      REDIS_PORT: '4',
    });
    expect(config.kafka.brokers).toEqual(['127.0.0.1:1']);
    expect(config.stores.registryUrl).toBe('http://127.0.0.1:2/apis/ccompat/v7');
    expect(config.stores.databaseUrl).toContain('127.0.0.1:3/');
    expect(config.stores.redisUrl).toBe('redis://127.0.0.1:4');
  });

  it('B-14 refuses to start on a CHAIN_ID that is no number, by name, with value and remedy', () => {
    expect(() => loadConfig({ CHAIN_ID: 'main' })).toThrow(
      /CHAIN_ID=main: .*\. Set CHAIN_ID to a whole number/,
    );
  });

  it.each([
    ['WS_ALLOWED_TOPICS', '*'],
    ['WS_ALLOWED_TOPICS', 'exec.*,secrets.*'],
    ['ETH_RPC_URL', 'localhost:8545'],
    ['ETH_RPC_URL', 'ftp://somewhere'],
    ['CHAIN_ID', '0'],
    ['CHAIN_ID', '0x1'],
    ['USE_MAINNET_FORK', 'maybe'],
    ['RUST_ENGINE_ENABLED', 'yes please'],
    ['PLATFORM_ENABLE_ML', '2'],
    ['PLATFORM_MOCK_CHAIN', 'off'],
    ['PORT', '70000'],
    ['PORT', '-1'],
    ['KAFKA_PORT', '0'],
    ['KAFKA_BROKERS', 'localhost'],
    ['KAFKA_BROKERS', ','],
    ['KAFKA_CLIENT', 'librdkafka'],
    ['SCHEMA_REGISTRY_URL', '127.0.0.1:18081'],
    ['DATABASE_URL', 'mysql://a:b@c/d'],
    ['REDIS_URL', 'http://127.0.0.1'],
    ['TOPIC_PREFIX', 'cypher/dev'],
    ['PARTITIONS', '0'],
    ['PARTITIONS', '4.5'],
    ['RETRY_DELAYS_MS', '10,20'],
    ['RETRY_DELAYS_MS', '10,20,x'],
    ['MAX_EXEC_ATTEMPTS', '0'],
    ['MAX_NOTIONAL_USD', '0.00'],
    ['MAX_NOTIONAL_USD', '1e4'],
    ['MAX_NOTIONAL_USD', '-1'],
    ['MAX_SLIPPAGE', '1'],
    ['MAX_SLIPPAGE', '5%'],
    ['SESSION_TIMEOUT_MS', '10'],
    ['REORDER_WAIT_MS', '0'],
    ['MAX_IN_FLIGHT', '0'],
    ['POOL_SNAPSHOT_MAX_AGE_MS', 'never'],
    ['INSTANCE_ID', 'a b'],
    ['RATE_LIMIT_INTENTS_PER_MIN', '-1'],
    ['INTENT_AUTHORIZATION', 'perhaps'],
    ['LOG_LEVEL', 'loud'],
    ['HOST', 'here and there'],
    ['MILLRACE_NO_INSTALL', 'x'],
    ['HMAC_REQUIRED', 'perhaps'],
  ])('B-14 refuses %s=%s and names nothing else', (variable, value) => {
    expect(variablesOf({ [variable]: value })).toEqual([variable]);
  });

  it('lists all that is wrong at once', () => {
    expect(variablesOf({ CHAIN_ID: 'x', PARTITIONS: '0', MAX_SLIPPAGE: '2' }).sort()).toEqual([
      'CHAIN_ID',
      'MAX_SLIPPAGE',
      'PARTITIONS',
    ]);
  });

  it('B-14 B-87 needs a sound file of keys once requests have to be signed', async () => {
    const HMAC_REQUIRED = 'true';
    expect(variablesOf({ HMAC_REQUIRED })).toEqual(['API_KEYS_FILE']);
    expect(variablesOf({ HMAC_REQUIRED, API_KEYS_FILE: '/nowhere/keys.json' })).toEqual([
      'API_KEYS_FILE',
    ]);
    const folder = await mkdtemp(join(tmpdir(), 'millrace-keys-'));
    const API_KEYS_FILE = join(folder, 'keys.json');
    await writeFile(API_KEYS_FILE, '{"keys":[{"id":"desk","secret":"short"}]}');
    expect(variablesOf({ HMAC_REQUIRED, API_KEYS_FILE })).toEqual(['API_KEYS_FILE']);
    const key = { id: 'desk', secret: 's'.repeat(32) };
    await writeFile(API_KEYS_FILE, JSON.stringify({ keys: [key] }));
    const { gateway } = loadConfig({ HMAC_REQUIRED, API_KEYS_FILE });
    expect([...(gateway.apiKeys?.keys() ?? [])]).toEqual(['desk']);
    expect(JSON.stringify(gateway)).not.toContain(key.secret);
    expect(loadConfig({ API_KEYS_FILE }).gateway.apiKeys).toBeNull();
    await rm(folder, { recursive: true });
  });

  it('B-14 needs the address and the id of the chain once the mock is off', () => {
    expect(variablesOf({ PLATFORM_MOCK_CHAIN: 'false' })).toEqual(['ETH_RPC_URL', 'CHAIN_ID']);
  });

  it('says which two apps share a port', () => {
    const [problem] = problemsOf({ PORT: '3002' });
    expect(problem).toMatchObject({
      variable: 'ORCHESTRATOR_PORT',
      problem: 'port 3002 of orchestrator is also that of gateway',
    });
    expect(variablesOf({ PORT: '0', TRADING_PORT: '0' })).toEqual([]);
  });

  it('takes an empty variable for one that is not set', () => {
    expect(loadConfig({ CHAIN_ID: '', TOPIC_PREFIX: '' })).toEqual(loadConfig({}));
  });

  it('keeps passwords out of the message', () => {
    const [problem] = problemsOf({ DATABASE_URL: 'mysql://root:hunter2@db/x' });
    expect(problem?.value).toBe('mysql://root:***@db/x');
  });

  it('cannot be changed', () => {
    const config = loadConfig({});
    expect(Object.isFrozen(config.service.ports)).toBe(true);
    expect(Object.isFrozen(config.kafka.brokers)).toBe(true);
  });
});
