import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Command } from '../../cli/stack/part.ts';
import { CACHE, findProgram, ROOT } from '../../cli/stack/programs.ts';
import versions from '../../cli/stack/versions.json' with { type: 'json' };
import packages from '../../package.json' with { type: 'json' };
import npmPeers from '../peers/npm/package.json' with { type: 'json' };
import restatePeer from '../peers/restate/package.json' with { type: 'json' };
import pythonPeers from '../peers/python/versions.json' with { type: 'json' };
import streamsSettings from '../results/streams-settings.json' with { type: 'json' };
import type { Work } from './work.ts';

/** Where a system runs: what its process gets. */
export interface Surroundings {
  readonly prefix: string;
  /** A name within the group of the system. */
  readonly member: string;
  /** Of this member alone; it is made by whoever wants it. */
  readonly folder: string;
  readonly work: Work;
  /** Addresses of the servers, and PARTITIONS, as environment. */
  readonly env: Readonly<Record<string, string>>;
}

/** One way to do the chain. */
export interface ChainSystem {
  /** Also the stem of its prefix: letters, digits and dashes. */
  readonly name: string;
  readonly what: string;
  readonly versions: Readonly<Record<string, string>>;
  /** What of it is set otherwise than it comes, and all that this comparison depends on. */
  readonly settings: Readonly<Record<string, string>>;
  /** Kinds of work that it cannot do as others do, with the reason. */
  readonly cannot?: Readonly<Partial<Record<Work, string>>>;
  /** What must be there, from `node bench/peers/set-up.mjs <peer>`; null: nothing. */
  readonly needs: { readonly file: string; readonly peer: string } | null;
  /** The consumer group of the step that ends the work. */
  group(where: Pick<Surroundings, 'prefix' | 'work'>): string;
  command(where: Surroundings): Command;
}

/** The command `millrace`. */
export const BIN = join(ROOT, 'cli', 'bin.mjs');
export const STREAMS_FOLDER = join(CACHE, `kafka-streams-${versions.kafka}`);
export const NPM_PEERS_FOLDER = join(CACHE, 'peers-npm');
const RESTATE_FOLDER = join(CACHE, 'peers-restate');
const PEERS = join(ROOT, 'bench', 'peers');

type Deployment = 'fused' | 'split';

/** Settings of a process as all peers read them. */
function shared({ prefix, folder, work, member, env }: Surroundings): Record<string, string> {
  return { ...env, TOPIC_PREFIX: prefix, STATE_FOLDER: folder, WORK: work, MEMBER: member };
}

const TOPOLOGIES: Readonly<Record<Work, string>> = {
  chain: join(ROOT, 'bench', 'chain', 'topology.ts'),
  count: join(ROOT, 'bench', 'chain', 'count-topology.ts'),
  keep: join(ROOT, 'bench', 'chain', 'keep-topology.ts'),
  classes: join(ROOT, 'bench', 'priority', 'topology.ts'),
};

/** What others are not asked for: it says something of this system alone. */
const OWN_WORK = {
  keep: 'it is asked of this system alone',
  classes: 'it has no classes of sources',
};

function millrace(name: string, what: string, settings: Record<string, string> = {}): ChainSystem {
  return {
    name,
    what: `this system, everything on: state, journal, dedupe, headers, metrics${what}`,
    versions: { millrace: packages.version, node: process.version },
    settings: { SESSION_TIMEOUT_MS: '6000', ...settings },
    needs: null,
    group: ({ prefix, work }) => `${prefix}bench.${work === 'classes' ? 'priority' : work}`,
    command: ({ prefix, folder, work, member, env }) => ({
      file: process.execPath,
      args: [BIN, 'run', '--topology', TOPOLOGIES[work]],
      env: {
        ...env,
        ...settings,
        TOPIC_PREFIX: prefix,
        INSTANCE_ID: member,
        MILLRACE_DATA: folder,
        LOG_LEVEL: 'warn',
        SINGLE_NODE: '1',
      },
    }),
  };
}

/** This system as it comes: variants are of it. */
export const VARIED = millrace('millrace', '');

const TWIN: ChainSystem = {
  name: 'twin',
  what: 'the raw client: no state, no journal, no dedupe, no decoding; a crash forgets what it had read',
  versions: { '@platformatic/kafka': packages.dependencies['@platformatic/kafka'] },
  settings: { acks: 'all' },
  cannot: { count: 'it keeps no state', ...OWN_WORK },
  needs: null,
  group: ({ prefix }) => `${prefix}chain-twin`,
  command: (where) => ({
    file: process.execPath,
    args: [join(PEERS, 'chain-twin.ts')],
    env: shared(where),
  }),
};

function streams(
  name: string,
  what: string,
  settings: Readonly<Record<string, string>>,
): ChainSystem {
  return {
    name,
    what: `Kafka Streams ${versions.kafka}, ${what}`,
    versions: { 'kafka-streams': versions.kafka },
    settings,
    cannot: OWN_WORK,
    needs: { file: join(STREAMS_FOLDER, 'classes', 'Chain.class'), peer: 'streams' },
    group: ({ prefix }) => `${prefix}streams`,
    command: (where) => ({
      file: findProgram('java') ?? 'java',
      args: ['-cp', `${STREAMS_FOLDER}/*:${STREAMS_FOLDER}/classes`, 'Chain'],
      env: { ...shared(where), ...settings },
    }),
  };
}

function kafkajs(name: string, deployment: Deployment): ChainSystem {
  return {
    name,
    what: `a kafkajs pipeline, at least once, counts in memory${perStep(deployment)}`,
    versions: { kafkajs: packages.dependencies.kafkajs },
    settings: { acks: 'all', VARIANT: deployment },
    cannot: OWN_WORK,
    needs: null,
    group: ({ prefix, work }) =>
      `${prefix}kafkajs.${work === 'count' ? 'counted' : 'checked-accepted-planned'}`,
    command: (where) => ({
      file: process.execPath,
      args: [join(PEERS, 'kafkajs-chain.ts')],
      env: { ...shared(where), VARIANT: deployment },
    }),
  };
}

function kafkats(name: string, deployment: Deployment, commitMs: string): ChainSystem {
  return {
    name,
    what: `@kafkats/flow, exactly once, LMDB, commit every ${commitMs} ms${perStep(deployment)}`,
    versions: npmPeers.dependencies,
    settings: { COMMIT_MS: commitMs, VARIANT: deployment },
    needs: {
      file: join(NPM_PEERS_FOLDER, 'node_modules', '@kafkats', 'flow', 'package.json'),
      peer: 'npm',
    },
    cannot: OWN_WORK,
    group: ({ prefix }) => `${prefix}kafkats`,
    command: (where) => ({
      file: process.execPath,
      args: [join(PEERS, 'kafkats-chain.mjs')],
      env: {
        ...shared(where),
        PEERS_FOLDER: NPM_PEERS_FOLDER,
        COMMIT_MS: commitMs,
        VARIANT: deployment,
      },
    }),
  };
}

function restate(name: string, deployment: Deployment): ChainSystem {
  return {
    name,
    what: `Restate, virtual objects, outputs at least once from ctx.run${deployment === 'split' ? ', an object for each step, one sends to the next' : ''}`,
    versions: restatePeer.dependencies,
    settings: { VARIANT: deployment },
    needs: {
      file: join(RESTATE_FOLDER, 'node_modules', '@restatedev', 'restate-server', 'package.json'),
      peer: 'restate',
    },
    cannot: OWN_WORK,
    group: ({ prefix }) => `${prefix}restate`,
    command: (where) => ({
      file: process.execPath,
      args: [join(PEERS, 'restate-chain.mjs')],
      env: { ...shared(where), PEERS_FOLDER: RESTATE_FOLDER, VARIANT: deployment },
    }),
  };
}

function python(
  name: string,
  {
    peer,
    what,
    settings,
  }: { peer: 'quix' | 'faust'; what: string; settings: Record<string, string> },
): ChainSystem {
  const folder = join(CACHE, `peers-${peer}`);
  return {
    name,
    what,
    versions: pythonPeers[peer],
    settings,
    cannot: OWN_WORK,
    needs: { file: join(folder, 'ready'), peer },
    group: ({ prefix }) => `${prefix}${peer}`,
    command: (where) => ({
      file: join(folder, 'bin', 'python'),
      args: [join(PEERS, `${peer}_chain.py`)],
      env: { ...shared(where), ...settings },
    }),
  };
}

function perStep(deployment: Deployment): string {
  return deployment === 'split' ? ', an application for each step in one process' : '';
}

const EOS = 'exactly_once_v2';

/** What of Kafka Streams is searched for its best. Units: ms, as text; THREADS: of a process. */
export interface StreamsSettings {
  readonly COMMIT_MS: string;
  readonly LINGER_MS: string;
  readonly POLL_MS: string;
  readonly THREADS: string;
}

/** Kafka Streams, exactly once, with settings of one's own. */
export function streamsWith(name: string, best: StreamsSettings, deployment: Deployment = 'fused') {
  const { COMMIT_MS, LINGER_MS, THREADS } = best;
  const threads = THREADS === '1' ? '' : `, ${THREADS} threads`;
  const what = `${EOS}, commit every ${COMMIT_MS} ms, linger ${LINGER_MS}${threads}${perStep(deployment)}`;
  return streams(name, what, { GUARANTEE: EOS, ...best, VARIANT: deployment });
}

/** What `bench streams-settings` found; the run is kept. */
const BEST: StreamsSettings = streamsSettings.best;

/** All systems by name. */
export const SYSTEMS: Readonly<Record<string, ChainSystem>> = Object.fromEntries(
  [
    VARIED,
    millrace('millrace-split', perStep('split'), { DEPLOYMENT: 'split' }),
    TWIN,
    streams('streams-eos', `${EOS} as it comes (commit every 100 ms)`, {
      GUARANTEE: EOS,
      COMMIT_MS: '100',
    }),
    streamsWith('streams-eos-fast', BEST),
    streams('streams-alo', 'at_least_once, commit every 100 ms, linger 0', {
      GUARANTEE: 'at_least_once',
      COMMIT_MS: '100',
      LINGER_MS: '0',
      POLL_MS: '5',
    }),
    streamsWith('streams-split', BEST, 'split'),
    kafkajs('kafkajs', 'fused'),
    kafkajs('kafkajs-split', 'split'),
    kafkats('kafkats', 'fused', '100'),
    kafkats('kafkats-split', 'split', '100'),
    restate('restate', 'fused'),
    restate('restate-split', 'split'),
    python('quix', {
      peer: 'quix',
      what: 'Quix Streams, exactly once, commit every 100 ms (5 s as it comes)',
      settings: { GUARANTEE: 'exactly-once', COMMIT_MS: '100' },
    }),
    python('quix-alo', {
      peer: 'quix',
      what: 'Quix Streams, at least once as it comes (commit every 5 s)',
      settings: { GUARANTEE: 'at-least-once', COMMIT_MS: '5000' },
    }),
    python('faust', {
      peer: 'faust',
      what: 'Faust (faust-streaming), at least once, a topic between the steps',
      settings: { GUARANTEE: 'at_least_once' },
    }),
  ].map((system) => [system.name, system]),
);

/** Why a system cannot do this work here, or null. */
export function whyNot({ needs, cannot }: ChainSystem, work: Work): string | null {
  const reason = cannot?.[work];
  if (reason !== undefined) return reason;
  if (needs === null || existsSync(needs.file)) return null;
  return `its packages are not there: run node bench/peers/set-up.mjs ${needs.peer}`;
}
