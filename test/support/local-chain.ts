import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { anvilPart, anvilUrl, type Fork } from '../../cli/stack/anvil.ts';
import { endChild, launch, type Running, signalGroup, untilReady } from '../../cli/stack/launch.ts';
import { addressOfKey, localTraderKey } from '../../cli/stack/local-chain.ts';
import { freePort } from '../../cli/stack/ports.ts';

/** A chain of a test's own. */
export interface LocalChain {
  readonly url: string;
  readonly port: number;
  readonly folder: string;
  /** Key of the account that has both tokens and allowances for them. */
  readonly key: string;
  readonly trader: string;
  /** One JSON-RPC request. Throws: Error with what the node said. */
  rpc(method: string, ...params: readonly unknown[]): Promise<unknown>;
  kill(): Promise<void>;
  stop(): Promise<void>;
  /** After `kill` or `stop`, on the same port and folder. */
  start(): Promise<void>;
  /** Ends it and removes its folder. */
  remove(): Promise<void>;
}

/** Starts a chain of a test's own on a free port, with the contracts on it. */
export async function startLocalChain(
  options: { readonly fork?: Fork; readonly key?: string } = {},
): Promise<LocalChain> {
  const folder = await mkdtemp(join(tmpdir(), 'millrace-chain-'));
  const port = await freePort();
  const url = anvilUrl(port);
  const { key = localTraderKey(), ...rest } = options;
  const trader = addressOfKey(key);
  const part = anvilPart({ port, folder, trader, ...rest });
  const logFile = join(folder, 'log');
  let running: Running | null = null;
  const start = async (): Promise<void> => {
    running = await launch(part.name, await part.prepare(), logFile);
    try {
      await untilReady(part, running, { logFile });
    } catch (error) {
      await endChild(part, running);
      const log = await readFile(logFile, 'utf8');
      throw new Error(`${String(error)}\n${log.slice(-2_000)}`, { cause: error });
    }
  };
  const stop = async (): Promise<void> => {
    if (running !== null) await endChild(part, running);
    running = null;
  };
  const kill = async (): Promise<void> => {
    if (running === null) return;
    signalGroup(running.pid, 'SIGKILL');
    await running.ended;
    running = null;
  };
  await start();
  return {
    url,
    port,
    folder,
    key,
    trader,
    rpc: (method, ...params) => request(url, method, params),
    kill,
    stop,
    start,
    remove: async () => {
      await kill();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

async function request(url: string, method: string, params: readonly unknown[]): Promise<unknown> {
  const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method, params });
  const headers = { 'content-type': 'application/json' };
  const response = await fetch(url, { method: 'POST', body, headers });
  const answer = (await response.json()) as { result?: unknown; error?: { message: string } };
  if (answer.error !== undefined) throw new Error(`${method}: ${answer.error.message}`);
  return answer.result;
}
