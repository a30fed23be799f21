import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { BOT_SINK_TOPICS } from '../../apps/bot-sink.ts';
import { AvroCodec, BOT_RECORDS } from '../../avro/index.ts';
import { Database, migrate } from '../../connectors/postgres/index.ts';
import { ROOT } from '../../cli/stack/programs.ts';
import { addressOf, serverParts } from '../../cli/stack/servers.ts';
import { freePorts } from '../../cli/stack/ports.ts';
import { platformaticClient } from '../../kafka/platformatic.ts';
import { VoidRunError } from '../latency/audit.ts';
import { headOf, loadAverage, type RunHead } from '../latency/machine.ts';
import { rounded } from '../latency/summary.ts';
import { ALL_OTHERS, allOf, costOf, type ProcessCost, Processes } from '../processes.ts';
import { holdChild } from '../signals.ts';
import { StoreLoad } from './store-load.ts';

/** Where the sink reads and writes. */
export interface StorePlace {
  readonly broker: string;
  readonly registryUrl: string;
  readonly databaseUrl: string;
  readonly prefix: string;
  readonly partitions: number;
}

export interface StorePlan {
  /** Events a second of the steady phase, each sent when it is due. */
  readonly rate: number;
  readonly seconds: number;
  /** Events that wait before the sink starts, in the flat-out phase. */
  readonly backlog: number;
  /** Servers that run, with an empty database, rather than the benchmark's own. */
  readonly given: Pick<StorePlace, 'broker' | 'registryUrl' | 'databaseUrl'> | null;
}

export interface StoreReport extends RunHead<StorePlan> {
  /** Rows a second, of a backlog that waits. */
  readonly flatOut: number;
  readonly steady: {
    /** Rows a second from the first commit to the last. */
    readonly rowsPerSecond: number;
    /** From when an event was due to its transaction. Units: milliseconds. */
    readonly lagMs: {
      readonly p50: number;
      readonly p95: number;
      readonly p99: number;
      readonly max: number;
    };
    /** p50 of the last tenth of the events: how far behind the sink is at the end. Units: milliseconds. */
    readonly endLagMs: number;
  };
  /** Of the steady phase. */
  readonly costs: Readonly<Record<string, ProcessCost>>;
  readonly leavesOut: string;
}

const PARTITIONS = 4;
const LEAVES_OUT =
  'Load, broker, sink and Postgres share this machine. Rows go to events, event_dedup and bot_events. ' +
  'Records are of one type, without unknown keys; nothing is a duplicate.';
/** How long the sink may take after the last event was sent. */
const DRAIN_MS = 300_000;

/**
 * Measures how fast the sink of bots fills its three tables: from a backlog, and at a fixed rate with the lag of each row.
 *
 * Throws: VoidRunError when a row is missing; PartError.
 */
export async function runStore(
  plan: StorePlan,
  tell: (line: string) => void,
): Promise<StoreReport> {
  const loadBefore = loadAverage();
  const folder = await mkdtemp(join(tmpdir(), 'millrace-bench-'));
  const processes = new Processes(folder);
  let sink: ChildProcess | null = null;
  try {
    const place =
      plan.given === null ? await ownPlace(processes, folder, tell) : placeOf(plan.given);
    const bench = await StoreBench.open(place);
    try {
      tell(`backlog of ${plan.backlog} events`);
      await bench.load.flat(plan.backlog);
      const startedAt = performance.now();
      sink = startSink(place);
      await bench.untilStored(plan.backlog);
      const flatOut = Math.round(await bench.rate(0));
      tell(
        `stored in ${rounded((performance.now() - startedAt) / 1000)} s, start of the process included`,
      );
      tell(`${plan.rate} events a second for ${plan.seconds} s`);
      const count = plan.rate * plan.seconds;
      const { pid = 0 } = sink;
      const before = await costsOf(processes, pid);
      await bench.load.open(plan.rate, count);
      await bench.untilStored(plan.backlog + count);
      return {
        ...headOf(plan, loadBefore),
        flatOut,
        steady: {
          rowsPerSecond: Math.round(await bench.rate(plan.backlog)),
          lagMs: await bench.lag(plan.backlog),
          endLagMs: (await bench.lag(plan.backlog + Math.floor(count * 0.9))).p50,
        },
        costs: since(before, await costsOf(processes, pid)),
        leavesOut: LEAVES_OUT,
      };
    } finally {
      if (sink !== null) await ended(sink);
      await bench.close();
    }
  } finally {
    await processes.stop();
  }
}

type Costs = StoreReport['costs'];

async function costsOf(processes: Processes, sink: number): Promise<Costs> {
  const [costs, cost] = await Promise.all([processes.costs(), costOf(sink)]);
  const others = less(costs[ALL_OTHERS] ?? cost, cost);
  return { ...costs, sink: cost, [ALL_OTHERS]: others };
}

/** What was spent between two looks. */
function since(before: Costs, after: Costs): Costs {
  return Object.fromEntries(
    Object.entries(after).map(([name, cost]) => [name, less(cost, before[name] ?? cost)]),
  );
}

function less(cost: ProcessCost, by: ProcessCost): ProcessCost {
  return { ...cost, cpuMs: cost.cpuMs - by.cpuMs };
}

/** The report in lines. */
export function storeLines({ flatOut, steady, plan }: StoreReport): readonly string[] {
  const { p50, p95, p99, max } = steady.lagMs;
  const { endLagMs } = steady;
  return [
    `from a backlog of ${plan.backlog}: ${flatOut} rows/s`,
    `at ${plan.rate} events/s for ${plan.seconds} s: ${steady.rowsPerSecond} rows/s; lag p50 ${p50} ms, ` +
      `p95 ${p95}, p99 ${p99}, max ${max}; of the last tenth p50 ${endLagMs}`,
  ];
}

function placeOf(servers: NonNullable<StorePlan['given']>): StorePlace {
  const prefix = `bench-${crypto.randomUUID().slice(0, 8)}.`;
  return { ...servers, prefix, partitions: PARTITIONS };
}

async function ownPlace(
  processes: Processes,
  folder: string,
  tell: (line: string) => void,
): Promise<StorePlace> {
  const [kafka = 0, registry = 0, postgres = 0] = await freePorts(3);
  tell('starting servers of the benchmark’s own');
  const parts = serverParts({ kafka, registry, postgres, redis: 0 }, folder);
  const needed = [parts.kafka, parts.registry, parts.postgres];
  await allOf(needed.map((part) => processes.begin(part)));
  return placeOf({
    broker: addressOf('kafka', kafka),
    registryUrl: addressOf('registry', registry),
    databaseUrl: addressOf('postgres', postgres),
  });
}

function startSink(place: StorePlace): ChildProcess {
  const args = [join(ROOT, 'bench', 'bots', 'store-sink.ts'), JSON.stringify(place)];
  return holdChild(spawn(process.execPath, args, { stdio: ['ignore', 'ignore', 'inherit'] }));
}

async function ended(sink: ChildProcess): Promise<void> {
  if (sink.exitCode !== null) return;
  const exited = once(sink, 'exit');
  sink.kill('SIGTERM');
  await exited;
}

class StoreBench {
  readonly load: StoreLoad;
  readonly #database: Database;
  readonly #place: StorePlace;

  private constructor(load: StoreLoad, database: Database, place: StorePlace) {
    this.load = load;
    this.#database = database;
    this.#place = place;
  }

  static async open(place: StorePlace): Promise<StoreBench> {
    const { broker, registryUrl, databaseUrl, prefix, partitions } = place;
    const client = platformaticClient({ brokers: [broker], clientId: 'bench' });
    const admin = client.admin();
    for (const { name } of BOT_SINK_TOPICS)
      await admin.createTopic({
        name: prefix + name,
        partitions,
        replicationFactor: 1,
        configs: {},
      });
    await admin.close();
    const subjects = BOT_RECORDS;
    const codec = await AvroCodec.start({ registryUrl, topicPrefix: prefix, subjects });
    await migrate(databaseUrl);
    const load = new StoreLoad({ client, codec, prefix, partitions });
    return new StoreBench(load, new Database(databaseUrl), place);
  }

  async close(): Promise<void> {
    await this.load.close();
    await this.#database.close();
    const admin = platformaticClient({
      brokers: [this.#place.broker],
      clientId: 'bench-end',
    }).admin();
    await admin.deleteTopics(BOT_SINK_TOPICS.map(({ name }) => this.#place.prefix + name));
    await admin.close();
  }

  async untilStored(count: number): Promise<void> {
    const deadline = performance.now() + DRAIN_MS;
    for (;;) {
      const stored = await this.#held();
      if (stored === count) return;
      if (stored > count) throw new VoidRunError(`${stored} of ${count} events are stored.`);
      if (performance.now() > deadline)
        throw new VoidRunError(`${stored} of ${count} events were stored in time.`);
      await pause(100);
    }
  }

  /** By what came of the producer's numbers: counting the rows would slow what is measured. */
  async #held(): Promise<number> {
    const [row] = await this.#database.query<{ held: string }>(
      'counting',
      `SELECT coalesce(sum(upper(held) - 1), 0) AS held FROM bot_producers`,
    );
    return Number(row?.held ?? 0);
  }

  /** Rows a second of all rows after the first so many, from the first transaction to the last. */
  async rate(after: number): Promise<number> {
    const [row] = await this.#database.query<{ rows: string; seconds: number }>(
      'counting rows a second',
      `SELECT count(*) AS rows,
         extract(epoch FROM max(ingest_ts_utc) - min(ingest_ts_utc))::float8 AS seconds
       FROM bot_events WHERE ingest_order > $1`,
      [after],
    );
    return Number(row?.rows ?? 0) / Math.max(row?.seconds ?? 1, 0.001);
  }

  async lag(after: number): Promise<StoreReport['steady']['lagMs']> {
    const [row] = await this.#database.query<{ p: readonly number[] }>(
      'measuring the lag',
      `SELECT percentile_disc(array[0.5, 0.95, 0.99, 1]) WITHIN GROUP
         (ORDER BY extract(epoch FROM ingest_ts_utc - ts_utc)::float8 * 1000) AS p
       FROM bot_events WHERE ingest_order > $1`,
      [after],
    );
    const [p50 = 0, p95 = 0, p99 = 0, max = 0] = (row?.p ?? []).map(Math.round);
    return { p50, p95, p99, max };
  }
}
