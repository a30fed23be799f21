import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { clientUnderTest } from './client-under-test.ts';
import { type AnomalyReport, checkAnomalies, isClean } from '../../testing/anomaly-checker.ts';
import { add, COUNTER_APPLICATION } from './counter.ts';
import { CrewMember } from './crew-member.ts';
import type { CrewWorkerSettings } from './crew-worker.ts';
import { EngineFixture } from './engine-fixture.ts';
import { eventually } from './eventually.ts';
import { TALLY } from './tally.ts';
import { heldIn } from './versioned.ts';

/** Until everything that was sent is handled and published. */
const SETTLE_MS = 120_000;
/** Longer than a broker is away that is stopped and started again on a busy machine. */
const OUTAGE_MS = 60_000;
/** Some looks of a member at its read models, crew-worker.ts, on a busy machine. */
const HEAL_MS = 15_000;
const KEYS = 53;
const ADDS_PER_REQUEST = 12;
const REQUEST_EVERY_MS = 60;

const ROOT = join(import.meta.dirname, '..', '..');

export interface CrewOptions {
  readonly brokers: readonly string[];
  /** Of the sources that the members run: a mutant's, for canaries. Default: these. */
  readonly root?: string;
}

export interface Verdict {
  readonly reports: readonly AnomalyReport[];
  readonly anomalies: number;
  readonly visibleDuplicates: number;
}

/** Members of the counter and the tally in processes of their own, under load on one broker. */
export class Crew {
  readonly counter: EngineFixture;
  readonly #tally: EngineFixture;
  readonly #brokers: readonly string[];
  readonly #root: string;
  readonly #folder: string;
  readonly #members: CrewMember[] = [];
  #load: AbortController | null = null;
  #loading: Promise<void> = Promise.resolve();
  sent = 0;

  private constructor(
    { brokers, root = ROOT }: CrewOptions,
    folder: string,
    counter: EngineFixture,
  ) {
    const { client, names } = counter;
    this.#brokers = brokers;
    this.#root = root;
    this.#folder = folder;
    this.counter = counter;
    this.#tally = new EngineFixture({ application: TALLY, client, prefix: names.prefix });
  }

  /** Topics of its own, and load from now on. */
  static async start(options: CrewOptions): Promise<Crew> {
    const { brokers } = options;
    const client = clientUnderTest({ brokers, clientId: 'crew' });
    const counter = await EngineFixture.start({ client });
    const crew = new Crew(options, await mkdtemp(join(tmpdir(), 'millrace-crew-')), counter);
    await crew.#tally.createMissingTopics();
    crew.load();
    return crew;
  }

  /** Starts a member; one with a name that was there before takes its place. */
  member(member: string, settings: Partial<CrewWorkerSettings> = {}): CrewMember {
    const own = {
      brokers: this.#brokers,
      prefix: this.counter.names.prefix,
      member,
      stepFile: join(this.#folder, `${member}-${this.#members.length}`),
      sessionTimeoutMs: 6_000,
      stateVersion: 1,
      data: this.storesOf(member),
      ...settings,
    };
    const started = new CrewMember(own, this.#root);
    this.#members.push(started);
    return started;
  }

  /** Where a member has its local stores: kept over its restarts, gone with the crew. */
  storesOf(member: string): string {
    return join(this.#folder, 'data', member);
  }

  /** Where it has that of one task. */
  storeOf(member: string, application: string, partition: number): string {
    const { names } = this.counter;
    const place = [names.physical(application), String(partition)];
    return join(this.storesOf(member), 'state', ...place);
  }

  /** Starts members, and waits until they have shared out the tasks and all of them work. */
  async members(
    names: readonly string[],
    settings: Partial<CrewWorkerSettings> = {},
  ): Promise<readonly CrewMember[]> {
    const started = names.map((name) => this.member(name, settings));
    await Promise.all(started.map((member) => member.ready()));
    // Whose applications join one after the other has all of the second one's tasks for a moment.
    await eventually('the members have shared out the tasks', () => areShared(started), SETTLE_MS);
    await Promise.all(started.map((member) => member.works()));
    return started;
  }

  load(): void {
    const loaded = new AbortController();
    this.#load = loaded;
    this.#loading = this.#sendUntil(loaded.signal);
    // Whoever stops it hears of it.
    this.#loading.catch(() => {});
  }

  async stopLoad(): Promise<void> {
    this.#load?.abort();
    await this.#loading;
  }

  /** Ends the load, and waits until all that was sent is handled and published. */
  async settle(): Promise<void> {
    await this.stopLoad();
    const settled = async (): Promise<boolean> => {
      const reports = await this.#check(false);
      const isDone = reports.every(({ pending }) => pending.inputs === 0 && pending.outputs === 0);
      return isDone || !reports.every(isClean);
    };
    await eventually('everything is handled and published', settled, SETTLE_MS);
  }

  /** Settles, stops the members, and holds all topics against each other. */
  async verdict(): Promise<Verdict> {
    if (this.#members.every(({ isEnded }) => isEnded)) this.member('1');
    await this.settle();
    await this.#healed();
    await Promise.all(this.#members.map((member) => member.end('SIGTERM')));
    return verdictOf(await this.#check(true));
  }

  /** Read models end newest only when their owners have looked once more (J9b): what a zombie published last stands there till then. */
  async #healed(): Promise<void> {
    const isWhole = async (): Promise<boolean> => (await this.#check(true)).every(isClean);
    // What does not heal is for the verdict to name.
    await eventually('read models are the newest', isWhole, HEAL_MS).catch(() => {});
  }

  /** The topics as they are while the members run. */
  async look(): Promise<Verdict> {
    return verdictOf(await this.#check(false));
  }

  async end(): Promise<void> {
    this.#load?.abort();
    for (const member of this.#members) member.signal('SIGCONT');
    await Promise.all(this.#members.map((member) => member.end()));
    await this.#loading.catch(() => {});
    await this.counter.end();
    await this.#tally.close();
    await rm(this.#folder, { recursive: true, force: true });
  }

  async #check(settled: boolean): Promise<readonly AnomalyReport[]> {
    const reader = this.counter.client.reader();
    try {
      const { admin, names } = this.counter;
      const common = { admin, names, reader, settled };
      const [counter, tally] = [this.counter, this.#tally];
      return [
        await checkAnomalies({
          ...{ ...common, topology: counter.topology(), codec: counter.codec },
          readModelRules: [{ topic: 'rm.count', actor: 'watcher', value: lastSeen }],
        }),
        await checkAnomalies({
          ...{ ...common, topology: tally.topology(), codec: tally.codec },
          readModelRules: [{ topic: 'rm.tally', actor: 'tallier', value: totals }],
        }),
      ];
    } finally {
      await reader.close();
    }
  }

  async #sendUntil(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const adds = Array.from({ length: ADDS_PER_REQUEST }, () => {
        this.sent += 1;
        return add(`key-${(this.sent * 7) % KEYS}`, `e${this.sent}`, { amount: 1_000 });
      });
      const records = adds.map((each) => this.counter.recordOf(each));
      await this.counter.sendWithin(OUTAGE_MS, records);
      await pause(REQUEST_EVERY_MS);
    }
  }
}

const lastSeen = (state: unknown): unknown => ({
  total: (heldIn(state) as { readonly seen: readonly number[] }).seen.at(-1),
});
const totals = (state: unknown): unknown => ({
  total: (heldIn(state) as { readonly totals: number }).totals,
});

function verdictOf(reports: readonly AnomalyReport[]): Verdict {
  const sum = (of: (report: AnomalyReport) => number): number =>
    reports.reduce((all, report) => all + of(report), 0);
  return {
    reports,
    anomalies: sum(({ counts }) => Object.values(counts).reduce((all, each) => all + each, 0)),
    visibleDuplicates: sum((report) => report.visibleDuplicates),
  };
}

/** Whether each has tasks of both applications, all run, and none is with two. */
function areShared(members: readonly CrewMember[]): boolean {
  const all = members.flatMap(({ tasks }) => tasks);
  const hasBoth = ({ tasks }: CrewMember): boolean =>
    [COUNTER_APPLICATION, TALLY].every(({ definition: { application } }) =>
      tasks.some((task) => task.startsWith(`${application}/`)),
    );
  const isRunning = all.every((task) => task.endsWith(' running'));
  return isRunning && members.every(hasBoth) && new Set(all).size === all.length;
}
