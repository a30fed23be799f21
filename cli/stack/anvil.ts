import { existsSync, readFileSync, rmSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import type { ChainContracts } from '../../connectors/chain/index.ts';
import { answers, PartError, type Command, type Part } from './part.ts';

/** The chain id that a local chain has unless it is told another. */
export const LOCAL_CHAIN_ID = 31_337;
/** A kill -9 takes the chain back by this much at most. */
const SAVE_EVERY_S = 2;

/** The address of a local chain on a port of this machine. */
export function anvilUrl(port: number): string {
  return `http://127.0.0.1:${port}`;
}

export interface AnvilOptions {
  readonly port: number;
  readonly folder: string;
  /** The account that trades, and is given something to trade with. */
  readonly trader: string;
  /** A chain whose state it begins with, and whose contracts it has; absent: it gets contracts of its own. */
  readonly fork?: Fork;
}

export interface Fork {
  readonly url: string;
  readonly contracts: ChainContracts;
}

/**
 * A chain on this machine, with Uniswap's contracts, two tokens and a pool on it.
 *
 * The chain is kept: its state is saved every 2 s and when it is ended, in a file of `folder`, and loaded at the next
 * start. A file that a kill left torn is thrown away, and the chain begins anew, with the same addresses. A fork is not
 * kept: each start begins with the other chain as it is then.
 */
export function anvilPart(options: AnvilOptions): Part {
  const { port, trader, fork } = options;
  const url = anvilUrl(port);
  return {
    name: 'anvil',
    port,
    portVariable: 'ANVIL_PORT',
    stopSignal: 'SIGTERM',
    prepare: () => prepare(options),
    probe: () => answers((signal) => isChain(url, signal)),
    finish: async () => {
      // Loaded only now: what it stands on is large, and most commands need none of it.
      const { deployLocalChain, prepareFork } = await import('./local-chain.ts');
      if (fork === undefined) await deployLocalChain({ url, trader });
      else await prepareFork({ url, trader, contracts: fork.contracts });
    },
  };
}

async function prepare({ port, folder, fork }: AnvilOptions): Promise<Command> {
  await mkdir(folder, { recursive: true });
  const state = join(folder, 'state.json');
  if (existsSync(state) && !isWhole(state)) rmSync(state);
  const settings = {
    '--host': '127.0.0.1',
    '--port': String(port),
    '--chain-id': String(LOCAL_CHAIN_ID),
    ...(fork === undefined
      ? { '--state': state, '--state-interval': String(SAVE_EVERY_S) }
      : { '--fork-url': fork.url }),
  };
  return {
    file: anvilProgram(),
    args: [...Object.entries(settings).flat(), '--quiet'],
  };
}

function isWhole(file: string): boolean {
  try {
    JSON.parse(readFileSync(file, 'utf8'));
    return true;
  } catch {
    return false;
  }
}

async function isChain(url: string, signal: AbortSignal): Promise<boolean> {
  const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'eth_chainId', params: [] });
  const headers = { 'content-type': 'application/json' };
  const response = await fetch(url, { method: 'POST', body, headers, signal });
  return response.ok && ((await response.json()) as { result?: unknown }).result !== undefined;
}

/** Anvil's own program, without the script before it: signals reach it. Throws: PartError MISSING. */
export function anvilProgram(): string {
  const arch = process.arch === 'x64' ? 'amd64' : process.arch;
  const platform = `@foundry-rs/anvil-${process.platform}-${arch}`;
  try {
    const manifest = createRequire(import.meta.url).resolve(`${platform}/package.json`);
    return join(dirname(manifest), 'bin', 'anvil');
  } catch (cause) {
    const message = `anvil needs the package ${platform}, which is not there. Run npm ci with optional packages, or name a chain by ETH_RPC_URL.`;
    throw new PartError('MISSING', 'anvil', message, { cause });
  }
}
