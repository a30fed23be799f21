import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { freePorts } from '../../cli/stack/ports.ts';
import { postgresPart, postgresUrl } from '../../cli/stack/postgres.ts';
import { migrate } from '../../connectors/postgres/index.ts';
import type { Figures } from '../goals.ts';
import { headOf, loadAverage, type RunHead } from '../latency/machine.ts';
import { type Percentiles, rounded } from '../latency/summary.ts';
import { type ProcessCost, Processes } from '../processes.ts';
import { appendRate, bareRate } from './append.ts';
import { historyLatencies } from './history.ts';

export interface EventStorePlan {
  /** Events appended in a round. */
  readonly events: number;
  readonly rounds: number;
  /** Rows in front of which histories are asked for. */
  readonly rows: number;
  readonly histories: number;
  /** A Postgres that runs, with an empty database, rather than the benchmark's own. */
  readonly databaseUrl: string | null;
}

export interface EventStoreReport extends RunHead<Omit<EventStorePlan, 'databaseUrl'>> {
  readonly append: AppendFigures;
  /** Units: milliseconds. */
  readonly history: Percentiles;
  readonly roundTrip: Percentiles;
  readonly leavesOut: string;
}

/** Medians of the rounds. Units: events a second, each a row in `events` and one in `bot_events`. */
export interface AppendFigures {
  readonly perSecond: number;
  readonly barePerSecond: number;
  readonly share: number;
  /** Processor time of an event, which others at work on the machine do not change; null of a server that is not its own. */
  readonly cpuMicros: { readonly postgres: number; readonly bench: number } | null;
}

const LEAVES_OUT =
  'Benchmark and Postgres share this machine; no broker, no decoding, no coordinator runs. Nothing is a duplicate. Histories are ' +
  'asked for one after another by one reader, while nothing is written; what the operating system keeps in memory stays there.';

/** Throws: VoidRunError when a row is missing; PartError. */
export async function runEventStore(
  { databaseUrl, ...plan }: EventStorePlan,
  tell: (line: string) => void,
): Promise<EventStoreReport> {
  const loadBefore = loadAverage();
  const folder = await mkdtemp(join(tmpdir(), 'millrace-bench-'));
  const processes = new Processes(folder);
  try {
    const url = databaseUrl ?? (await ownPostgres(processes, folder));
    await migrate(url);
    const costs = async (): Promise<Costs> => (databaseUrl === null ? processes.costs() : {});
    const append = await appendFigures(url, plan, { costs, tell });
    tell(`filling the store with ${plan.rows} events`);
    const { history, roundTrip } = await historyLatencies(url, plan, tell);
    const head = headOf(plan, loadBefore);
    return {
      ...head,
      versions: { ...head.versions, postgres: await serverVersion(url) },
      append,
      history,
      roundTrip,
      leavesOut: LEAVES_OUT,
    };
  } finally {
    await processes.stop();
  }
}

/** The two sides in turns, so that what the machine does meanwhile meets both. */
async function appendFigures(
  url: string,
  { events, rounds }: Pick<EventStorePlan, 'events' | 'rounds'>,
  { costs, tell }: { readonly costs: () => Promise<Costs>; readonly tell: (line: string) => void },
): Promise<AppendFigures> {
  const own: number[] = [];
  const bare: number[] = [];
  const spent: Costs[] = [];
  for (let round = 1; round <= rounds; round++) {
    bare.push(await bareRate(url, events));
    own.push(await appendRate(url, events, async () => void spent.push(await costs())));
    tell(
      `round ${round} of ${rounds}: ${Math.round(own.at(-1) ?? 0)} events/s, bare ${Math.round(bare.at(-1) ?? 0)}`,
    );
  }
  const [perSecond, barePerSecond] = [median(own), median(bare)];
  return {
    perSecond: Math.round(perSecond),
    barePerSecond: Math.round(barePerSecond),
    share: rounded(perSecond / barePerSecond),
    cpuMicros: cpuOf(spent, events),
  };
}

type Costs = Readonly<Record<string, ProcessCost>>;

/** From the looks before and after each round. */
function cpuOf(looks: readonly Costs[], events: number): AppendFigures['cpuMicros'] {
  if (looks[0]?.['postgres'] === undefined) return null;
  const of = (name: string): number => {
    const rounds = looks.flatMap((look, at) =>
      at % 2 === 0 ? [] : [(look[name]?.cpuMs ?? 0) - (looks[at - 1]?.[name]?.cpuMs ?? 0)],
    );
    return Math.round((median(rounds) * 1_000) / events);
  };
  return { postgres: of('postgres'), bench: of('bench') };
}

function median(values: readonly number[]): number {
  return values.toSorted((one, other) => one - other)[Math.floor(values.length / 2)] ?? 0;
}

async function ownPostgres(processes: Processes, folder: string): Promise<string> {
  const [port = 0] = await freePorts(1);
  await processes.begin(postgresPart({ port, folder: join(folder, 'postgres') }));
  return postgresUrl(port);
}

async function serverVersion(url: string): Promise<string> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    const { rows } = await client.query<{ server_version: string }>('SHOW server_version');
    return rows[0]?.server_version ?? 'unknown';
  } finally {
    await client.end();
  }
}

/** What goals are held to. */
export function eventStoreFigures({ append, history }: EventStoreReport): Figures {
  return { append: append.perSecond, 'history.p99': history.p99 };
}

/** The report in lines. */
export function eventStoreLines({ append, history, roundTrip, plan }: EventStoreReport): string[] {
  const of = (name: string, { p50, p95, p99, max }: Percentiles): string =>
    `${name}: p50 ${p50} ms, p95 ${p95}, p99 ${p99}, max ${max}`;
  return [
    `append: ${append.perSecond} events/s into events and bot_events; into bare tables ${append.barePerSecond}/s ` +
      `(${append.share} of it)` +
      (append.cpuMicros === null
        ? ''
        : `; processor time of an event: Postgres ${append.cpuMicros.postgres} µs, here ${append.cpuMicros.bench} µs`),
    of(`history of 8 events out of ${plan.rows}`, history),
    of('a statement that reads nothing', roundTrip),
  ];
}

/** The table of bench/README.md, with what it was measured on. */
export function eventStoreTable(report: EventStoreReport): string {
  const { append, history, roundTrip, plan, machine } = report;
  const row = (name: string, { p50, p95, p99, max }: Percentiles): string =>
    `| ${[name, ...[p50, p95, p99, max].map((ms) => ms.toFixed(2))].join(' | ')} |`;
  const cpu = append.cpuMicros;
  return [
    '| | events/s | processor time of an event |',
    '|---|---|---|',
    `| both tables, with all that belongs to them | ${append.perSecond} | ${cpu === null ? '-' : `Postgres ${cpu.postgres} µs, client ${cpu.bench} µs`} |`,
    `| bare tables | ${append.barePerSecond} | |`,
    '',
    '| ms | p50 | p95 | p99 | max |',
    '|---|---|---|---|---|',
    row(`history of 8 events out of ${plan.rows}`, history),
    row('a statement that reads nothing', roundTrip),
    '',
    `${machine.cores} cores of ${machine.cpu}, load ${machine.loadBefore} before and ${machine.loadAfter} after; ` +
      `${report.at.slice(0, 10)}, ${report.commit}.`,
  ].join('\n');
}
