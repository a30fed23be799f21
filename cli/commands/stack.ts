import { setTimeout as pause } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { APP_NAMES } from '../../apps/config.ts';
import { UsageError, type Command, type ExitCode, type Io } from '../command.ts';
import { isAlive, RunFolder, type PartRecord } from '../stack/run-folder.ts';
import { ALL_SERVERS } from '../stack/servers.ts';
import { dataFolderOf } from '../stack/settings.ts';

const USAGE = `
Usage: millrace stack status [--json]
       millrace stack stop <part…> [--json]
       millrace stack start <part…> [--json]

Looks at the system that millrace up runs, or stops and starts parts of it: ${[...ALL_SERVERS, ...APP_NAMES].join(', ')}.
What was stopped by hand stays stopped. status gives 1 when a part does not run, 2 when nothing does.
`;

export const command: Command = {
  name: 'stack',
  summary: 'look at the running parts; stop or start one',
  usage: USAGE,
  run,
};

const LOOK_EVERY_MS = 50;
const WAIT_MS = 60_000;

async function run(args: readonly string[], io: Io): Promise<ExitCode> {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: { json: { type: 'boolean', default: false } },
  });
  const [verb, ...parts] = positionals;
  const run = new RunFolder(dataFolderOf(io.env));
  if (verb === 'status' && parts.length === 0) return status(run, { json: values.json, io });
  if ((verb !== 'stop' && verb !== 'start') || parts.length === 0) {
    throw new UsageError('WRONG_USE', USAGE.trim());
  }
  for (const part of parts) refuseUnknown(run, part);
  const outcomes = await Promise.all(parts.map((part) => change(run, { part, verb })));
  for (const outcome of outcomes) io.out(values.json ? JSON.stringify(outcome) : tell(outcome));
  return outcomes.every(({ done }) => done) ? 0 : 1;
}

interface Outcome {
  readonly part: string;
  readonly state: string;
  readonly ms: number;
  readonly done: boolean;
}

async function change(
  run: RunFolder,
  { part, verb }: { readonly part: string; readonly verb: 'stop' | 'start' },
): Promise<Outcome> {
  const startedAt = performance.now();
  const wanted = verb === 'stop' ? 'stopped' : 'running';
  if (verb === 'stop') run.markStopped(part);
  else run.clearStopped(part);
  const isDone = (): boolean => {
    const record = run.read(part);
    return record?.state === wanted && (wanted === 'stopped' || isAlive(record));
  };
  while (!isDone() && performance.now() - startedAt < WAIT_MS && run.supervisor() !== null) {
    await pause(LOOK_EVERY_MS);
  }
  const ms = Math.round(performance.now() - startedAt);
  return { part, state: run.read(part)?.state ?? 'unknown', ms, done: isDone() };
}

function tell({ part, state, ms, done }: Outcome): string {
  const rest = done ? '' : `; waited ${WAIT_MS / 1000} s for more, see its log`;
  return `${part.padEnd(13)} ${state.padEnd(8)} ${(ms / 1000).toFixed(1).padStart(5)} s${rest}`;
}

function refuseUnknown(run: RunFolder, part: string): void {
  if (run.supervisor() === null) {
    throw new UsageError(
      'NOT_RUNNING',
      `No millrace up runs on ${run.folder}. Start it, or set MILLRACE_DATA to the folder it runs on.`,
    );
  }
  const record = run.read(part);
  if (record !== null && record.state !== 'given') return;
  const known = run.readAll().filter(({ state }) => state !== 'given');
  const why = record === null ? 'is no part of it' : 'is given by the environment, not run by it';
  throw new UsageError(
    'WRONG_USE',
    `${part} ${why}. Parts: ${known.map((each) => each.part).join(', ')}.`,
  );
}

interface Line {
  readonly part: string;
  readonly state: string;
  readonly pid: number | null;
  readonly port: number | null;
  readonly uptime_ms: number | null;
  readonly restarts: number;
}

function status(
  run: RunFolder,
  { json, io }: { readonly json: boolean; readonly io: Io },
): ExitCode {
  const supervisor = run.supervisor()?.pid ?? null;
  const order: readonly string[] = [...ALL_SERVERS, ...APP_NAMES];
  const lines = [...run.readAll()]
    .sort((one, other) => order.indexOf(one.part) - order.indexOf(other.part))
    .map((record) => lineOf(record, supervisor !== null));
  if (json) io.out(JSON.stringify({ running: supervisor !== null, pid: supervisor, parts: lines }));
  else for (const line of table(lines)) io.out(line);
  if (supervisor === null) {
    if (!json) io.out(`No millrace up runs on ${run.folder}.`);
    return 2;
  }
  return lines.every(({ state }) => state === 'running' || state === 'given') ? 0 : 1;
}

function lineOf(record: PartRecord, isSupervised: boolean): Line {
  const { part, port, restarts, since } = record;
  const alive = isAlive(record);
  const uptime = alive ? Math.max(0, Date.now() - since) : null;
  const state = isSupervised ? record.state : alive ? 'left over' : 'stopped';
  return { part, state, pid: alive ? record.pid : null, port, uptime_ms: uptime, restarts };
}

function table(lines: readonly Line[]): readonly string[] {
  const row = (cells: readonly string[]): string =>
    cells
      .map((cell, column) => cell.padEnd(column === 0 ? 14 : 10))
      .join('')
      .trimEnd();
  return [
    row(['part', 'state', 'pid', 'port', 'uptime', 'restarts']),
    ...lines.map(({ part, state, pid, port, uptime_ms, restarts }) => {
      const uptime = uptime_ms === null ? '-' : `${Math.round(uptime_ms / 1000)} s`;
      return row([part, state, String(pid ?? '-'), String(port ?? '-'), uptime, String(restarts)]);
    }),
  ];
}
