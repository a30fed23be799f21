import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { loadConfig } from '../../apps/config.ts';
import { UsageError, type Command, type ExitCode, type Io } from '../command.ts';
import { isReachable } from '../demo/gateway-client.ts';
import { type DemoLine, parseIntentFile } from '../demo/intent-file.ts';
import type { ChainProof } from '../demo/chain-proof.ts';
import type { Outcome } from '../demo/outcome.ts';
import type { ProgressView } from '../progress-view.ts';
import { progressView } from '../demo/progress.ts';
import { reportLines, reportOf } from '../demo/report.ts';
import { type DemoProgress, LIMIT_MS, runDemo } from '../demo/run-demo.ts';
import { anvilUrl } from '../stack/anvil.ts';
import { ROOT } from '../stack/programs.ts';

const DEFAULT_FILE = { mock: 'intents.ndjson', anvil: 'swaps.ndjson' } as const;
const MAX_RATE = 1_000;

const USAGE = `
Usage: millrace demo [--file F] [--rate 50] [--url U] [--chain mock|anvil] [--json]

Sends the intents of an NDJSON file to the running system and says what became of them.

  --file F    lines {"name", "body" | "raw", "expect": {"http", "state"?, "code"?, "fields"?}};
              default demo/intents.ndjson; on a chain demo/swaps.ndjson, whose intents let the price move a little
  --rate N    lines a second, 50; each is sent when it is due, whatever became of those before
  --url U     the gateway; default http://127.0.0.1:$PORT, or port 3000
  --chain C   mock (default); anvil: for a system that npm start -- --chain anvil started, and looks every swap up on
              the chain at $ETH_RPC_URL, or port $ANVIL_PORT (18545)

A 503 and a connection that is refused or breaks are tried again, ${LIMIT_MS / 1000} s at most. After a broken
connection, or a 503, the first request may have been taken too: it may leave a second intent, which is said and
changes no line of the table.
Exit code 1: a line did not end as the file says, or a swap is not on the chain. 2: wrong use, a bad file, or no gateway answers.
`;

interface DemoArguments {
  readonly file: string;
  readonly rate: number;
  readonly url: string;
  /** Of the chain that swaps are looked up on; null: of none. */
  readonly rpcUrl: string | null;
  readonly json: boolean;
}

export const command: Command = {
  name: 'demo',
  summary: 'send a file of intents to the running system and check how each ends',
  usage: USAGE,
  run,
};

async function run(args: readonly string[], io: Io): Promise<ExitCode> {
  const { file, rate, url, rpcUrl, json } = parsed(args, io);
  const lines = readLines(file);
  if (!(await isReachable(url))) {
    const remedy = 'Start it with npm start, or name another with --url.';
    throw new UsageError('NOT_RUNNING', `No gateway answers at ${url}. ${remedy}`);
  }
  if (!json) io.out(`${lines.length} intents of ${file}, ${rate} a second, to ${url}`);
  const view = json ? SILENT : progressView(process.stderr, io.err);
  const { outcomes, resent } = await runDemo(lines, { url, rate, onProgress: view.show });
  view.end();
  const report = reportOf(outcomes, resent);
  const proof = rpcUrl === null ? null : await provenOn(rpcUrl, outcomes);
  if (json) io.out(JSON.stringify({ file, rate, url, ...report, ...(proof && { chain: proof }) }));
  else for (const text of ['', ...reportLines(report)]) io.out(text);
  if (!json && proof !== null) for (const text of await linesOf(proof)) io.out(text);
  return report.mismatches.length + (proof?.missing.length ?? 0) === 0 ? 0 : 1;
}

const SILENT: ProgressView<DemoProgress> = { show: () => undefined, end: () => undefined };

function parsed(args: readonly string[], io: Io): DemoArguments {
  const { values } = parseArgs({
    args: [...args],
    options: {
      file: { type: 'string' },
      rate: { type: 'string', default: '50' },
      url: { type: 'string', default: `http://127.0.0.1:${io.env['PORT'] || '3000'}` },
      chain: { type: 'string', default: 'mock' },
      json: { type: 'boolean', default: false },
    },
  });
  const { chain, json } = values;
  if (chain !== 'mock' && chain !== 'anvil')
    throw new UsageError('WRONG_USE', `--chain is mock or anvil, not ${chain}.`);
  const file = values.file ?? join(ROOT, 'demo', DEFAULT_FILE[chain]);
  const { rpcUrl: given, anvilPort } = loadConfig(io.env).chain;
  const rpcUrl = chain === 'mock' ? null : (given ?? anvilUrl(anvilPort));
  return { file, json, rpcUrl, rate: rateOf(values.rate), url: urlOf(values.url) };
}

/** Loaded only now: without a chain there is nothing to look up. */
async function provenOn(rpcUrl: string, outcomes: readonly Outcome[]): Promise<ChainProof> {
  const { proveSwaps } = await import('../demo/chain-proof.ts');
  return proveSwaps(outcomes, rpcUrl);
}

async function linesOf(proof: ChainProof): Promise<readonly string[]> {
  const { proofLines } = await import('../demo/chain-proof.ts');
  return proofLines(proof);
}

function rateOf(text: string): number {
  const rate = Number(text);
  if (rate > 0 && rate <= MAX_RATE) return rate;
  const what = `--rate is ${text}, no number above 0 and up to ${MAX_RATE}.`;
  throw new UsageError('WRONG_USE', `${what} Give lines a second, such as 50.`);
}

function urlOf(text: string): string {
  const url = URL.parse(text);
  if (url?.protocol === 'http:' || url?.protocol === 'https:') return url.href.replace(/\/+$/, '');
  const what = `--url is ${text}, no address of a gateway.`;
  throw new UsageError('WRONG_USE', `${what} Give one such as http://127.0.0.1:3000.`);
}

function readLines(file: string): readonly DemoLine[] {
  return parseIntentFile(textOf(file), file);
}

function textOf(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    const { message } = error as Error;
    throw new UsageError(
      'WRONG_USE',
      `${file} cannot be read: ${message}. Name another by --file.`,
    );
  }
}
