import { setTimeout as pause } from 'node:timers/promises';
import { endChild, launch, untilReady, type Ending, type Running } from './launch.ts';
import type { News } from './news.ts';
import { READY_TIMEOUT_MS, type Part } from './part.ts';
import type { PartState, RunFolder } from './run-folder.ts';

/** How often the mark of `millrace stack stop` and the end of a process are looked for. */
const LOOK_EVERY_MS = 100;
/** Before the first and before later starts of what died. */
const FIRST_PAUSE_MS = 1_000;
const LONGEST_PAUSE_MS = 10_000;
/** What lived this long counts as sound: the next pause is the first one again. */
const SOUND_AFTER_MS = 30_000;

/** The pause before a part that died is started again. */
export function nextPauseMs(lastPauseMs: number, aliveMs: number): number {
  if (aliveMs >= SOUND_AFTER_MS) return FIRST_PAUSE_MS;
  return Math.min(Math.max(lastPauseMs * 2, FIRST_PAUSE_MS), LONGEST_PAUSE_MS);
}

/**
 * Keeps one part alive: starts it, starts it again when it dies, leaves it stopped while it is marked so, and ends it.
 *
 * Order: `start` once, then `end` once.
 */
export class Keeper {
  readonly part: Part;
  readonly #run: RunFolder;
  readonly #logFile: string;
  readonly #tell: (news: News) => void;
  #ending = false;
  #restarts = 0;
  /** From the first start to the end: as long as there may be a process. */
  #loop: Promise<void> = Promise.resolve();

  constructor(
    part: Part,
    options: {
      readonly run: RunFolder;
      readonly logFile: string;
      readonly tell: (news: News) => void;
    },
  ) {
    this.part = part;
    this.#run = options.run;
    this.#logFile = options.logFile;
    this.#tell = options.tell;
  }

  /** Settles when the part answers. Throws: PartError when its first start failed; then it is not kept. */
  start(): Promise<void> {
    const startedAt = performance.now();
    const first = this.#bringUp(READY_TIMEOUT_MS);
    const keep = (running: Running | null): Promise<void> => {
      if (running !== null) this.#tellReady(startedAt);
      return this.#keep(running, startedAt);
    };
    this.#loop = first.then(keep, () => undefined);
    return first.then(() => undefined);
  }

  /** Settles when the process has ended and nothing of the part is left. */
  async end(): Promise<void> {
    this.#ending = true;
    await this.#loop;
    this.#run.forget(this.part.name);
  }

  async #keep(first: Running | null, firstStartedAt: number): Promise<void> {
    let running = first;
    let startedAt = firstStartedAt;
    let pauseMs = 0;
    // Whatever has a process is watched, also when the end is already wanted: only that ends it.
    for (;;) {
      const ending = running === null ? null : await this.#watch(running);
      if (this.#ending) return;
      if (this.#isUnwanted()) {
        pauseMs = 0;
        this.#note('stopped', null);
        await this.#while(() => this.#run.isMarkedStopped(this.part.name));
      } else {
        pauseMs = nextPauseMs(pauseMs, performance.now() - startedAt);
        this.#note('waiting', null);
        this.#tellDied(ending, pauseMs);
        const until = performance.now() + pauseMs;
        await this.#while(() => performance.now() < until && !this.#isUnwanted());
        this.#restarts += 1;
      }
      startedAt = performance.now();
      running = this.#isUnwanted() ? null : await this.#bringUpAgain(startedAt);
    }
  }

  async #bringUpAgain(startedAt: number): Promise<Running | null> {
    try {
      const running = await this.#bringUp(Infinity);
      if (running !== null) this.#tellReady(startedAt);
      return running;
    } catch (error) {
      this.#tell({ part: this.part.name, what: 'died', detail: String(error) });
      return null;
    }
  }

  /** The process once it answers; null when it became unwanted meanwhile. */
  async #bringUp(timeoutMs: number): Promise<Running | null> {
    const { part } = this;
    this.#note('starting', null);
    const command = await part.prepare();
    if (this.#isUnwanted()) return null;
    const running = await launch(part.name, command, this.#logFile);
    this.#note('starting', running);
    try {
      const isUnwanted = (): boolean => this.#isUnwanted();
      await untilReady(part, running, { logFile: this.#logFile, timeoutMs, isUnwanted });
    } catch (error) {
      await endChild(part, running);
      if (this.#isUnwanted()) return null;
      throw error;
    }
    this.#note('running', running);
    return running;
  }

  /** Settles when the process has ended, by itself or because it is no longer wanted. */
  async #watch(running: Running): Promise<Ending> {
    await this.#while(() => running.ending() === null && !this.#isUnwanted());
    const ending = running.ending();
    if (ending !== null) return ending;
    const startedAt = performance.now();
    this.#note('stopping', running);
    const ended = await endChild(this.part, running);
    const ms = Math.round(performance.now() - startedAt);
    this.#tell({ part: this.part.name, what: 'ended', ms });
    return ended;
  }

  #isUnwanted(): boolean {
    return this.#ending || this.#run.isMarkedStopped(this.part.name);
  }

  async #while(condition: () => boolean): Promise<void> {
    while (!this.#ending && condition()) await pause(LOOK_EVERY_MS);
  }

  #note(state: PartState, running: Running | null): void {
    this.#run.write({
      part: this.part.name,
      state,
      pid: running?.pid ?? null,
      identity: running?.identity ?? null,
      port: this.part.port,
      since: Date.now(),
      restarts: this.#restarts,
    });
  }

  #tellReady(startedAt: number): void {
    const ms = Math.round(performance.now() - startedAt);
    this.#tell({ part: this.part.name, what: 'ready', ms, detail: `port ${this.part.port}` });
  }

  #tellDied(ending: Ending | null, pauseMs: number): void {
    const how = ending === null ? 'did not start' : (ending.signal ?? `exit code ${ending.code}`);
    const detail = `${how}; starts again in ${pauseMs / 1000} s; log ${this.#logFile}`;
    this.#tell({ part: this.part.name, what: 'died', detail });
  }
}
