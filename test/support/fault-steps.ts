import { closeSync, openSync, readFileSync, writeSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import type { GroupMembership, KafkaClient, PlainProducer } from '../../kafka/client.ts';

/** What a task is doing; of several tasks several at once. */
export const STEPS = ['restore', 'handle', 'append', 'publish', 'commit'] as const;
export type Step = (typeof STEPS)[number];

/**
 * Which steps are under way, in a file of one byte each: written without waiting, and still there when its process was
 * killed.
 */
export class StepFile {
  readonly #file: number;
  readonly #counts = new Uint8Array(STEPS.length);

  constructor(path: string) {
    this.#file = openSync(path, 'w');
    this.#write();
  }

  begin(step: Step): void {
    this.#change(step, 1);
  }

  end(step: Step): void {
    this.#change(step, -1);
  }

  async during<Value>(step: Step, act: () => Promise<Value>): Promise<Value> {
    this.begin(step);
    try {
      return await act();
    } finally {
      this.end(step);
    }
  }

  close(): void {
    closeSync(this.#file);
  }

  #change(step: Step, by: number): void {
    const place = STEPS.indexOf(step);
    this.#counts[place] = (this.#counts[place] ?? 0) + by;
    this.#write();
  }

  #write(): void {
    writeSync(this.#file, this.#counts, 0, STEPS.length, 0);
  }
}

/** Steps that fewer than this many kills of a long run fell into have not been tested. */
const KILLS_PER_STEP = 3;

/** Steps that kills fell into. A member has several tasks, so one kill may fall into several, and counts for each. */
export class KillSteps {
  kills = 0;
  readonly #counts = new Map<Step, number>();

  add(underWay: readonly Step[]): void {
    this.kills += 1;
    for (const step of underWay) this.#counts.set(step, this.of(step) + 1);
  }

  of(step: Step): number {
    return this.#counts.get(step) ?? 0;
  }

  get byStep(): Readonly<Record<Step, number>> {
    return Object.fromEntries(STEPS.map((step) => [step, this.of(step)])) as Record<Step, number>;
  }

  /** For people. */
  get text(): string {
    const cells = STEPS.map((step) => `${step} ${this.of(step)}`).join(', ');
    return `${this.kills} kills, each counted for every step that one of its member's tasks was in: ${cells}.`;
  }

  /** Throws: Error that names the steps which too few kills fell into. */
  requireEvery(): void {
    const rare = STEPS.filter((step) => this.of(step) < KILLS_PER_STEP);
    if (rare.length > 0)
      throw new Error(`Fewer than ${KILLS_PER_STEP} kills fell into: ${rare.join(', ')}.`);
  }
}

/** The steps that were under way when the file was last written; none before its process has made it. */
export function stepsIn(path: string): readonly Step[] {
  try {
    const counts = readFileSync(path);
    return STEPS.filter((_, place) => (counts[place] ?? 0) > 0);
  } catch {
    return [];
  }
}

/** A client that notes appends, publishes and commits, each begun that many milliseconds later than asked for. */
export function steppingClient(
  client: KafkaClient,
  steps: StepFile,
  lateMs: Readonly<Record<'append' | 'publish' | 'commit', number>>,
): KafkaClient {
  const late = <Value>(step: keyof typeof lateMs, act: () => Promise<Value>): Promise<Value> =>
    steps.during(step, async () => {
      await pause(lateMs[step]);
      return act();
    });
  return {
    reader: () => client.reader(),
    admin: () => client.admin(),
    producer: () => steppingProducer(client.producer(), late),
    joinGroup: (options) => {
      const group = client.joinGroup(options);
      return {
        get joined() {
          return group.joined;
        },
        get heartbeatAgeMs() {
          return group.heartbeatAgeMs;
        },
        commit: (offsets) => late('commit', () => group.commit(offsets)),
        close: (how) => group.close(how),
      } satisfies GroupMembership;
    },
  };
}

function steppingProducer(
  producer: PlainProducer,
  late: <Value>(step: 'append' | 'publish', act: () => Promise<Value>) => Promise<Value>,
): PlainProducer {
  return {
    send: (records) => {
      const isJournal = records[0]?.topic.endsWith('.journal') === true;
      return late(isJournal ? 'append' : 'publish', () => producer.send(records));
    },
    close: () => producer.close(),
  };
}
