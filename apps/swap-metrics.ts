import { Counter, Gauge, type Registry } from 'prom-client';

type Labels = Readonly<Record<string, string>>;
/** A value of a gauge and its labels. */
export type Reading = readonly [labels: Labels, value: number];

/** Of one reading: a scrape does not hang on what does not answer. */
const READ_LIMIT_MS = 1_000;

/**
 * A gauge that is read when somebody scrapes it. What cannot be read then has no value, rather than an old one.
 *
 * Order: `from` once, by the app that knows the values; before it there are none.
 */
export class ReadGauge {
  #read: ((signal: AbortSignal) => Iterable<Reading> | Promise<Iterable<Reading>>) | null = null;

  constructor(
    about: { readonly name: string; readonly help: string; labelNames: string[] },
    registers: Registry[],
  ) {
    const values = (): Promise<readonly Reading[]> => this.#values();
    new Gauge({
      ...about,
      registers,
      async collect() {
        const readings = await values();
        this.reset();
        for (const [labels, value] of readings) this.set(labels, value);
      },
    });
  }

  from(read: (signal: AbortSignal) => Iterable<Reading> | Promise<Iterable<Reading>>): void {
    this.#read = read;
  }

  async #values(): Promise<readonly Reading[]> {
    try {
      return [...((await this.#read?.(AbortSignal.timeout(READ_LIMIT_MS))) ?? [])];
    } catch {
      return [];
    }
  }
}

/** The metrics of swaps, from the pools that plans are made on to what ended in exec.failed. */
export function swapMetrics(registers: Registry[]) {
  return {
    poolSnapshotAge: new ReadGauge(
      {
        name: 'millrace_pool_snapshot_age_seconds',
        help: 'Age of the snapshot that plans are made on, of the task that has the oldest; none while a task has none.',
        labelNames: ['pool'],
      },
      registers,
    ),
    noncesOpen: new ReadGauge(
      {
        name: 'millrace_nonces_open',
        help: "Places among an account's transactions that are under way; at most 16.",
        labelNames: ['account'],
      },
      registers,
    ),
    plansOpen: new ReadGauge(
      {
        name: 'millrace_plans_open',
        help: 'Plans that this process executes now.',
        labelNames: [],
      },
      registers,
    ),
    planOldest: new ReadGauge(
      {
        name: 'millrace_plan_oldest_seconds',
        help: 'Seconds since the oldest plan that this process executes was made; 0 while there is none.',
        labelNames: [],
      },
      registers,
    ),
    signerBalance: new ReadGauge(
      {
        name: 'millrace_signer_balance_ether',
        help: 'What an account has to pay for its transactions; none while the node does not answer.',
        labelNames: ['account'],
      },
      registers,
    ),
    execFailedTotal: new Counter({
      name: 'millrace_exec_failed_total',
      help: 'Plans whose execution failed, by the code of exec.failed.',
      labelNames: ['code'] as const,
      registers,
    }),
  };
}
