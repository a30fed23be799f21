import { resolve, join } from 'node:path';
import { ConfigReader } from '../../apps/config-reader.ts';
import {
  APP_NAMES,
  loadConfig,
  PORT_VARIABLE,
  type AppName,
  type Config,
} from '../../apps/config.ts';
import { anvilUrl, type Fork, LOCAL_CHAIN_ID } from './anvil.ts';
import { freePort } from './ports.ts';
import { ROOT } from './programs.ts';
import { postgresLoginUrl } from './postgres.ts';
import { ADDRESS_VARIABLE, addressOf, SERVERS, type ServerName, storesOf } from './servers.ts';

/** What `millrace up` takes from the environment. */
export interface StackSettings {
  /** Absolute. */
  readonly dataFolder: string;
  readonly serverPorts: Readonly<Record<ServerName, number>>;
  readonly appPorts: Readonly<Record<AppName, number>>;
  /** The servers whose address the environment gives: they are used and not started. */
  readonly given: readonly ServerName[];
  /** The chain that swaps go to; null: a mock venue in its place. */
  readonly chain: ChainSettings | null;
  /** The environment with the addresses as they are, for an operator. */
  readonly env: Readonly<Record<string, string>>;
  /** The same for the process of one app. */
  envOf(app: AppName): Readonly<Record<string, string>>;
  readonly config: Config;
}

export interface ChainSettings {
  readonly url: string;
  readonly port: number;
  /** Whether the environment names it, so that it is used and not started. */
  readonly given: boolean;
  /** What it begins as a fork of; null: of nothing. */
  readonly fork: Fork | null;
  /** The address of the account that trades. */
  readonly trader: string;
}

export type ChainName = 'mock' | 'anvil';

type Env = Readonly<Record<string, string | undefined>>;

const SERVER_PORTS: Readonly<Record<ServerName, { variable: string; fallback: number }>> = {
  kafka: { variable: 'KAFKA_PORT', fallback: 19_092 },
  registry: { variable: 'SCHEMA_REGISTRY_PORT', fallback: 18_081 },
  postgres: { variable: 'POSTGRES_PORT', fallback: 15_432 },
  redis: { variable: 'REDIS_PORT', fallback: 16_379 },
};

/** Where data, run/ and log/ are: MILLRACE_DATA, or `.data` of the clone. */
export function dataFolderOf(env: Env): string {
  const given = env['MILLRACE_DATA']?.trim();
  return given === undefined || given === '' ? join(ROOT, '.data') : resolve(given);
}

/** Throws: ConfigError (stop) that lists every bad variable. */
export async function stackSettings(
  env: Env,
  chainName: ChainName = 'mock',
): Promise<StackSettings> {
  const wanted = loadConfig(env);
  const serverPorts = serverPortsOf(env);
  const given = SERVERS.filter((server) => (env[ADDRESS_VARIABLE[server]]?.trim() ?? '') !== '');
  const appPorts = { ...wanted.service.ports };
  for (const app of APP_NAMES) if (appPorts[app] === 0) appPorts[app] = await freePort();
  const dataFolder = dataFolderOf(env);
  const actual: Record<string, string> = { ...defined(env), MILLRACE_DATA: dataFolder };
  for (const app of APP_NAMES) actual[PORT_VARIABLE[app]] = String(appPorts[app]);
  for (const server of SERVERS) {
    if (!given.includes(server)) {
      actual[ADDRESS_VARIABLE[server]] = addressOf(server, serverPorts[server]);
    }
  }
  const chain = chainName === 'mock' ? null : await chainOf(wanted.chain, actual);
  const ownerUrl = given.includes('postgres')
    ? {}
    : { DATABASE_OWNER_URL: postgresLoginUrl(actual['DATABASE_URL'] ?? '', 'owner') };
  const config = loadConfig({ ...ownerUrl, ...actual });
  const envOf = (app: AppName): Readonly<Record<string, string>> => ({
    ...actual,
    ...storesOf(app, actual, given),
    // Whoever may change tables starts no app.
    DATABASE_OWNER_URL: '',
  });
  return { dataFolder, serverPorts, appPorts, given, chain, env: actual, envOf, config };
}

/** Tells the apps of the local chain: where it is, and who trades there unless somebody is named. */
async function chainOf(
  wanted: Config['chain'],
  actual: Record<string, string>,
): Promise<ChainSettings> {
  const { addressOfKey, localTraderKey } = await import('./local-chain.ts');
  const { anvilPort: port, rpcUrl, forkUrl } = wanted;
  const key = wanted.signerKey?.reveal() ?? localTraderKey();
  const url = rpcUrl ?? anvilUrl(port);
  actual['PLATFORM_MOCK_CHAIN'] = 'false';
  actual['CHAIN_ID'] = String(LOCAL_CHAIN_ID);
  actual['ETH_RPC_URL'] = url;
  if (forkUrl !== null) actual['USE_MAINNET_FORK'] = 'true';
  const { loadContracts } = await import('../../apps/topologies.ts');
  const contracts = loadContracts({ chainId: LOCAL_CHAIN_ID, mainnetFork: true });
  const fork = forkUrl === null ? null : { url: forkUrl, contracts };
  if (wanted.signerKey === null) actual['SIGNER_PRIVATE_KEY'] = key;
  return { url, port, given: rpcUrl !== null, fork, trader: addressOfKey(key) };
}

function serverPortsOf(env: Env): Record<ServerName, number> {
  const reader = new ConfigReader(env);
  const port = (server: ServerName): number => {
    const { variable, fallback } = SERVER_PORTS[server];
    return reader.integer(variable, fallback, { min: 1, max: 65_535 });
  };
  const ports = {
    kafka: port('kafka'),
    registry: port('registry'),
    postgres: port('postgres'),
    redis: port('redis'),
  };
  reader.finish();
  return ports;
}

function defined(env: Env): Record<string, string> {
  const entries = Object.entries(env).filter(
    (entry): entry is [string, string] => entry[1] !== undefined,
  );
  return Object.fromEntries(entries);
}
