import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { APP_NAMES, type AppName } from '../../apps/config.ts';
import { type ChaosResult, runChaos } from '../chaos/run-chaos.ts';
import { partsNamed } from '../chaos/victims.ts';
import { anomalyLines } from '../check/report-text.ts';
import { type Command, type ExitCode, type Io, UsageError } from '../command.ts';
import { isReachable } from '../demo/gateway-client.ts';
import { parseIntentFile } from '../demo/intent-file.ts';
import { durationMs } from '../log/duration.ts';
import { ROOT } from '../stack/programs.ts';
import { RunFolder } from '../stack/run-folder.ts';
import { dataFolderOf } from '../stack/settings.ts';

const FILE = join(ROOT, 'demo', 'intents.ndjson');
const MAX_RATE = 200;
const LONGEST_MS = 3_600_000;

export const command: Command = {
  name: 'chaos',
  summary: 'load and faults on the running system, and what they left behind',
  usage: `
Usage: millrace chaos run [--kill worker]… [--pause broker]… [--rst 5%]… [--for 60s] [--rate 10] [--url U] [--json]

Sends the demo's intents to the system that millrace up runs, disturbs it meanwhile, and then looks how every intent ended
and reads every topic for what is lost, doubled, reordered or torn.

  --kill P    kill -9 a part every few seconds: worker (trading, orchestrator, coordinator in turn) or a part's name
  --pause P   hold a part for 4 s every 12 s (SIGSTOP): broker, worker, or a part's name
  --rst N%    run the orchestrator behind a proxy that resets the connection of N % of its produce requests;
              --rst P=N% any other app, or worker
  --for T     how long, 60s; at most 1h. --rate N: intents a second, 10

Ends by itself and puts back what it changed, on Ctrl-C too. docs/guides/chaos.md says how to read it.
Exit code 1: an anomaly, an intent that did not end as it should, or a fault that was asked for and never happened. 2: wrong
use, or nothing runs.`,
  run,
};

async function run(args: readonly string[], io: Io): Promise<ExitCode> {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      kill: { type: 'string', multiple: true, default: [] },
      pause: { type: 'string', multiple: true, default: [] },
      rst: { type: 'string', multiple: true, default: [] },
      for: { type: 'string', default: '60s' },
      rate: { type: 'string', default: '10' },
      url: { type: 'string', default: `http://127.0.0.1:${io.env['PORT'] || '3000'}` },
      json: { type: 'boolean', default: false },
    },
  });
  if (positionals.join() !== 'run')
    throw new UsageError('WRONG_USE', 'Say millrace chaos run, and what to do: --kill worker.');
  const [forMs, rate] = [timeOf(values.for), rateOf(values.rate)];
  const folder = new RunFolder(dataFolderOf(io.env));
  const kill = values.kill.flatMap((word) => partsNamed(folder, word));
  const pause = values.pause.flatMap((word) => partsNamed(folder, word));
  const resets = new Map(values.rst.flatMap((text) => resetsOf(folder, text)));
  // Without faults it is a load with a check, which has its use; the system must run all the same.
  partsNamed(folder, 'orchestrator');
  if (!(await isReachable(values.url)))
    throw new UsageError('NOT_RUNNING', `No gateway answers at ${values.url}; name it with --url.`);
  const result = await runChaos({
    ...{ run: folder, kill, pause, resets, forMs, rate, url: values.url, io },
    lines: parseIntentFile(readFileSync(FILE, 'utf8'), FILE),
    say: values.json ? () => {} : io.err,
  });
  if (values.json) io.out(JSON.stringify(result));
  else for (const line of resultLines(result)) io.out(line);
  return result.isClean ? 0 : 1;
}

function resultLines({ done, demo, reports, never, isClean }: ChaosResult): readonly string[] {
  const resets = Object.entries(done.resets).map(([app, count]) => `${count} of ${app}`);
  return [
    `${done.kills} kills, ${done.pauses} pauses, connections reset: ${resets.join(', ') || 'none'}`,
    `${demo.lines} intents: ${demo.completed} completed, ${demo.unfinished} without an end, ` +
      `${demo.mismatches.length} ended otherwise than they should`,
    ...reports.flatMap(anomalyLines),
    ...never,
    isClean ? 'Nothing is wrong.' : 'Something is wrong.',
  ];
}

/** Throws: UsageError for a share that is none, or a part that is no app of the system. */
function resetsOf(run: RunFolder, text: string): readonly (readonly [AppName, number])[] {
  const [, part = 'orchestrator', digits = 'NaN'] =
    /^(?:([\w.-]+)=)?(\d{1,2}(?:\.\d+)?)%$/.exec(text) ?? [];
  const share = Number(digits) / 100;
  if (!(share > 0 && share <= 0.5))
    throw new UsageError(
      'WRONG_USE',
      `--rst is ${text}, no share up to 50%; say 5%, or trading=5%.`,
    );
  return partsNamed(run, part).map((each) => {
    const app = APP_NAMES.find((name) => name === each);
    if (app !== undefined) return [app, share] as const;
    const remedy = `say worker=5%, or one of ${APP_NAMES.join(', ')}.`;
    throw new UsageError('WRONG_USE', `--rst is ${text}, and ${each} is no app; ${remedy}`);
  });
}

function timeOf(text: string): number {
  const ms = durationMs(text);
  if (ms > 0 && ms <= LONGEST_MS) return ms;
  throw new UsageError('WRONG_USE', `--for is ${text}; give something up to 1h, such as 60s.`);
}

function rateOf(text: string): number {
  const rate = Number(text);
  if (rate > 0 && rate <= MAX_RATE) return rate;
  throw new UsageError('WRONG_USE', `--rate is ${text}, no number above 0 and up to ${MAX_RATE}.`);
}
