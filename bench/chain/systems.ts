import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Command } from '../../cli/stack/part.ts';
import { CACHE, findProgram, ROOT } from '../../cli/stack/programs.ts';
import versions from '../../cli/stack/versions.json' with { type: 'json' };

/** Where a system runs: what its process gets. */
export interface Surroundings {
  readonly prefix: string;
  readonly folder: string;
  /** Addresses of the servers, as environment. */
  readonly env: Readonly<Record<string, string>>;
}

/** One way to do the chain. */
export interface ChainSystem {
  /** Also the stem of its prefix: letters, digits and dashes. */
  readonly name: string;
  readonly what: string;
  command(where: Surroundings): Command;
}

export const STREAMS_FOLDER = join(CACHE, `kafka-streams-${versions.kafka}`);

const MILLRACE: ChainSystem = {
  name: 'millrace',
  what: 'this system, everything on: state, journal, dedupe, headers, metrics',
  command: ({ prefix, env }) => ({
    file: process.execPath,
    args: [
      join(ROOT, 'cli', 'bin.mjs'),
      'run',
      '--topology',
      join(ROOT, 'bench', 'chain', 'topology.ts'),
    ],
    env: { ...env, TOPIC_PREFIX: prefix, LOG_LEVEL: 'warn', SINGLE_NODE: '1' },
  }),
};

const TWIN: ChainSystem = {
  name: 'twin',
  what: 'the raw client: no state, no journal, no dedupe, no decoding',
  command: ({ prefix, env }) => ({
    file: process.execPath,
    args: [join(ROOT, 'bench', 'peers', 'chain-twin.ts')],
    env: { ...env, TOPIC_PREFIX: prefix },
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
    command: ({ prefix, folder, env }) => ({
      file: findProgram('java') ?? 'java',
      args: ['-cp', `${STREAMS_FOLDER}/*:${STREAMS_FOLDER}/classes`, 'Chain'],
      env: {
        ...env,
        ...settings,
        TOPIC_PREFIX: prefix,
        STATE_FOLDER: join(folder, 'streams', name),
      },
    }),
  };
}

/** All systems by name. */
export const SYSTEMS: Readonly<Record<string, ChainSystem>> = Object.fromEntries(
  [
    MILLRACE,
    TWIN,
    streams('streams-eos', 'exactly_once_v2 as it comes (commit every 100 ms)', {
      GUARANTEE: 'exactly_once_v2',
    }),
    streams('streams-eos-fast', 'exactly_once_v2, commit every 10 ms, linger 0', {
      GUARANTEE: 'exactly_once_v2',
      COMMIT_MS: '10',
      LINGER_MS: '0',
    }),
    streams('streams-alo', 'at_least_once, commit every 100 ms, linger 0', {
      GUARANTEE: 'at_least_once',
      LINGER_MS: '0',
    }),
  ].map((system) => [system.name, system]),
);

/** Why a system cannot be run here, or null. */
export function whyNot(system: ChainSystem): string | null {
  if (!system.name.startsWith('streams')) return null;
  if (existsSync(join(STREAMS_FOLDER, 'classes', 'Chain.class'))) return null;
  return `${STREAMS_FOLDER} is not there: run node bench/peers/set-up.mjs`;
}
