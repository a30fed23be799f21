import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { APP_NAMES, type AppName, type Config } from '../../apps/config.ts';
import { UsageError, type Command, type ExitCode, type Io } from '../command.ts';
import { anvilPart } from '../stack/anvil.ts';
import { appPart } from '../stack/app-part.ts';
import { submitFirstIntent, type FirstIntent } from '../stack/first-intent.ts';
import { formatNews, type News } from '../stack/news.ts';
import type { Part } from '../stack/part.ts';
import { ADDRESS_VARIABLE, serverParts, SERVERS } from '../stack/servers.ts';
import {
  type ChainName,
  type ChainSettings,
  stackSettings,
  type StackSettings,
} from '../stack/settings.ts';
import { supervise, type LocalSystem } from '../stack/supervisor.ts';

const USAGE = `
Usage: millrace up [--chain mock|anvil] [--no-first-intent] [--only <part,…>] [--json]

Starts Kafka, the schema registry, Postgres, Redis and the apps, each in a process of its own, and starts again what
dies. Ctrl-C and SIGTERM stop everything.

  --chain C          mock (default): swaps end in this system; anvil: on a chain of this machine, with Uniswap's
                     contracts, which is kept from start to start
  --no-first-intent  do not submit an intent when everything is ready
  --only <part,…>    only these of: ${[...SERVERS, ...APP_NAMES].join(', ')}
  --json             one JSON object a line

A server whose address is in KAFKA_BROKERS, SCHEMA_REGISTRY_URL, DATABASE_URL, REDIS_URL or ETH_RPC_URL is used, not
started.
Data, run/<part>.pid and log/<part>.log are in MILLRACE_DATA (.data).
`;

export const command: Command = {
  name: 'up',
  summary: 'start the local system and keep it running',
  usage: USAGE,
  run,
};

const ORPHAN_CHECK_MS = 250;

interface UpOptions {
  readonly chain: ChainName;
  readonly only: readonly string[];
  readonly firstIntent: boolean;
  readonly json: boolean;
}

async function run(args: readonly string[], io: Io): Promise<ExitCode> {
  const options = parse(args);
  const settings = await stackSettings(io.env, options.chain);
  const stop = new AbortController();
  const onSignal = (): void => {
    if (!stop.signal.aborted) say(options, io, { text: 'stopping', json: { what: 'stopping' } });
    stop.abort();
  };
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, onSignal);
  const watch = whenOrphaned(io, onSignal);
  await supervise(localSystem(settings, options, io), {
    stop: stop.signal,
    tell: (news: News) => say(options, io, { text: formatNews(news), json: news }),
  }).finally(() => clearInterval(watch));
  return 0;
}

/** Under npm, the end of npm is the end of this, however npm was ended. By itself it may outlive its parent. */
function whenOrphaned(io: Io, act: () => void): NodeJS.Timeout | undefined {
  if (io.env['npm_lifecycle_event'] !== 'start') return undefined;
  const parent = process.ppid;
  return setInterval(() => {
    if (process.ppid !== parent) act();
  }, ORPHAN_CHECK_MS);
}

function parse(args: readonly string[]): UpOptions {
  const { values } = parseArgs({
    args: [...args],
    options: {
      chain: { type: 'string', default: 'mock' },
      'no-first-intent': { type: 'boolean', default: false },
      only: { type: 'string' },
      json: { type: 'boolean', default: false },
    },
  });
  const { chain } = values;
  if (chain !== 'mock' && chain !== 'anvil')
    throw new UsageError('WRONG_USE', `--chain is mock or anvil, not ${chain}.`);
  const all: readonly string[] = [
    ...SERVERS,
    ...(chain === 'anvil' ? ['anvil'] : []),
    ...APP_NAMES,
  ];
  const only = values.only?.split(',') ?? all;
  const unknown = only.filter((part) => !all.includes(part));
  if (unknown.length > 0) {
    throw new UsageError(
      'WRONG_USE',
      `--only names ${unknown.join(', ')}, which is no part. Parts: ${all.join(', ')}.`,
    );
  }
  return { chain, only, firstIntent: !values['no-first-intent'], json: values.json };
}

function localSystem(settings: StackSettings, options: UpOptions, io: Io): LocalSystem {
  const { dataFolder, given, serverPorts, appPorts, env, envOf, config, chain } = settings;
  const isWanted = (part: string): boolean => options.only.includes(part);
  const servers = serverParts(serverPorts, dataFolder);
  const apps = APP_NAMES.filter(isWanted);
  const local = chain === null || chain.given || !isWanted('anvil') ? [] : [chainPart(settings)];
  const existing = chain?.given === true ? [{ part: 'anvil', address: chain.url }] : [];
  return {
    dataFolder,
    given: [
      ...given
        .filter(isWanted)
        .map((part) => ({ part, address: env[ADDRESS_VARIABLE[part]] ?? '' })),
      ...existing,
    ],
    servers: [
      ...SERVERS.filter((name) => isWanted(name) && !given.includes(name)).map(
        (name) => servers[name],
      ),
      ...local,
    ],
    apply: apps.length === 0 ? null : () => applyAll(config, chain),
    apps: apps.map((app) => appPart(app, { port: appPorts[app], env: envOf(app) })),
    ready: () => announce({ settings, options, apps, io }),
  };
}

function chainPart({ chain, dataFolder }: StackSettings): Part {
  if (chain === null) throw new Error('there is no chain without --chain anvil');
  const { port, trader, fork } = chain;
  const folder = join(dataFolder, 'anvil');
  return anvilPart({ port, folder, trader, ...(fork === null ? {} : { fork }) });
}

/** Topics, schemas and tables; loaded only now, because --help and --only need none of it. */
async function applyAll(config: Config, chain: ChainSettings | null): Promise<string> {
  if (chain?.given === true && chain.fork === null) {
    const { deployLocalChain } = await import('../stack/local-chain.ts');
    await deployLocalChain(chain);
  }
  const module = await import('../../apps/apply.ts');
  const { topicsCreated, migrationsApplied, warnings } = await module.applyAll(config);
  const made = `new: ${topicsCreated.length} topics, ${migrationsApplied.length} migrations`;
  return [made, ...warnings].join('; ');
}

async function announce(context: {
  readonly settings: StackSettings;
  readonly options: UpOptions;
  readonly apps: readonly AppName[];
  readonly io: Io;
}): Promise<void> {
  const { settings, options, apps, io } = context;
  const gateway = `http://127.0.0.1:${settings.appPorts.gateway}`;
  if (options.firstIntent && APP_NAMES.every((app) => apps.includes(app))) {
    const first = await submitFirstIntent(gateway);
    for (const text of describe(first)) say(options, io, { text });
    say(options, io, { json: { what: 'first-intent', ...first } });
  }
  const urls = {
    ...(apps.includes('gateway') ? { gateway } : {}),
    ...addresses(settings, options),
  };
  const listed = Object.entries(urls).map(([name, url]) => `${name} ${url}`);
  say(options, io, {
    text: `millrace is ready: ${listed.join(' · ')}`,
    json: { what: 'ready', part: 'millrace', urls },
  });
}

function addresses({ config, chain }: StackSettings, { only }: UpOptions): Record<string, string> {
  const all: Record<string, string> = {
    kafka: config.kafka.brokers.join(','),
    registry: config.stores.registryUrl,
    postgres: config.stores.databaseUrl.replace(/:\/\/[^@/]*@/, '://'),
    redis: config.stores.redisUrl.replace(/:\/\/[^@/]*@/, '://'),
    ...(chain === null ? {} : { anvil: chain.url.replace(/:\/\/[^@/]*@/, '://') }),
  };
  return Object.fromEntries(Object.entries(all).filter(([name]) => only.includes(name)));
}

function describe({ intentId, events, isComplete }: FirstIntent): readonly string[] {
  return [
    `intent ${intentId}`,
    ...events.map(({ topic, ms }) => `  ${topic.padEnd(18)} ${String(ms).padStart(6)} ms`),
    ...(isComplete ? [] : ['  its last event has not come; see the logs, and millrace trace']),
  ];
}

function say(
  { json }: UpOptions,
  io: Io,
  message: { readonly text?: string; readonly json?: object },
): void {
  if (json && message.json !== undefined) io.out(JSON.stringify(message.json));
  if (!json && message.text !== undefined) io.out(message.text);
}
