import { EngineError } from '../engine/errors.ts';
import { isAfter } from '../engine/journal-reader.ts';
import { type Origin, originOf } from '../engine/origin.ts';
import type { FetchedRecord } from './client.ts';
import { SHELL_LIMITS } from './limits.ts';
import type { Publisher } from './publisher.ts';
import { readRange } from './read-range.ts';
import type { TaskSurroundings } from './task-runner.ts';

export interface HealerOptions {
  readonly surroundings: TaskSurroundings;
  readonly partition: number;
  readonly signal: AbortSignal;
  /** n of the last batch of this task. */
  readonly lastN: () => number;
  readonly publisher: Pick<Publisher, 'quietMark' | 'enqueue'>;
  /** Somebody has journaled more than this owner: it is none. */
  readonly onFenced: (error: EngineError) => void;
}

interface Version extends Origin {
  readonly record: FetchedRecord;
}

/** What a look at all of one read model has found. */
interface Look {
  readonly topic: string;
  readonly end: number;
  readonly stale: readonly Version[];
}

/** How far one read model has been looked through, and which of its keys are out of place. */
interface Reached {
  /** Where the log ended at the term's first look. */
  readonly first: number;
  readonly offset: number;
  readonly n: number;
  readonly index: number;
  readonly late: ReadonlySet<string>;
}

/**
 * Looks through the own partition of each read model for what an owner before put there late, over something newer:
 * whoever reads the compacted log would keep the older version. The newest is then published again, with the origin
 * that it had, so that readers who know it already drop it (J7a).
 *
 * Only one task writes the partition, so all that follows something newer is out of place, and nothing has to be
 * remembered of keys. A term begins at the start of the log; later looks go on where the last one ended.
 *
 * Order: publishes in the tick in which nothing of the task's is on its way and nothing has come behind the look, so
 * that it never covers a newer version itself. Source: docs/protocol.md, J9b; adr/012.
 *
 * Limits: SHELL_LIMITS.healRecords a look, healKeys out of place.
 */
export class ReadModelHealer {
  readonly #options: HealerOptions;
  readonly #reached = new Map<string, Reached>();
  #under: Promise<void> | null = null;
  #lookedAt = performance.now();

  constructor(options: HealerOptions) {
    this.#options = options;
  }

  /**
   * Begins a look every `lookMs`, unless one is under way. What it finds is published when the task is quiet, or at the
   * next.
   */
  lookIfDue(): void {
    const { signal, surroundings } = this.#options;
    if (performance.now() - this.#lookedAt < surroundings.lookMs) return;
    this.#lookedAt = performance.now();
    if (this.#under !== null || signal.aborted) return;
    this.#under = this.#lookAtAll()
      .catch((error: unknown) => this.#note(error))
      .finally(() => (this.#under = null));
  }

  /** Resolves when no look is under way. */
  async ended(): Promise<void> {
    await this.#under;
  }

  async #lookAtAll(): Promise<void> {
    const { topology } = this.#options.surroundings;
    for (const logical of topology.readModels.keys()) await this.#lookAt(logical);
  }

  async #lookAt(logical: string): Promise<void> {
    const { surroundings, partition } = this.#options;
    const topic = surroundings.names.physical(logical);
    const bounds = (await surroundings.admin.offsets(topic))[partition];
    if (bounds === undefined) return;
    const last = this.#reached.get(logical);
    const from = Math.max(last?.offset ?? 0, bounds.start);
    const end = Math.min(bounds.end, from + SHELL_LIMITS.healRecords);
    const first = last?.first ?? bounds.end;
    const newest = { n: last?.n ?? 0, index: last?.index ?? -1 };
    const late = new Set(last?.late);
    await this.#read(topic, { from, until: end, first }, (key, { n, index }) => {
      if (!isAfter(newest.n, newest.index, n, index)) Object.assign(newest, { n, index });
      else if (late.size < SHELL_LIMITS.healKeys) late.add(key);
    });
    this.#reached.set(logical, { first, offset: end, ...newest, late });
    if (late.size === 0 || end < bounds.end) return;
    const stale = await this.#staleOf(topic, { ...bounds, first }, late);
    if (await this.#heal(logical, { topic, end, stale }))
      this.#reached.set(logical, { first, offset: end, ...newest, late: new Set() });
  }

  /** Those keys' newest versions that something older stands behind. */
  async #staleOf(
    topic: string,
    { start, end, first }: { readonly start: number; readonly end: number; readonly first: number },
    keys: ReadonlySet<string>,
  ): Promise<readonly Version[]> {
    const newest = new Map<string, Version>();
    const last = new Map<string, Version>();
    await this.#read(topic, { from: start, until: end, first }, (key, version) => {
      if (!keys.has(key)) return;
      const before = newest.get(key);
      if (before === undefined || !isAfter(before.n, before.index, version.n, version.index))
        newest.set(key, version);
      last.set(key, version);
    });
    return [...newest].flatMap(([key, version]) => {
      const { n = 0, index = 0 } = last.get(key) ?? {};
      return isAfter(version.n, version.index, n, index) ? [version] : [];
    });
  }

  async #read(
    topic: string,
    { first, ...span }: { readonly from: number; readonly until: number; readonly first: number },
    take: (key: string, version: Version) => void,
  ): Promise<void> {
    const { surroundings, partition, signal, lastN, onFenced } = this.#options;
    const { application } = surroundings.topology;
    const range = { reader: surroundings.reader, topic, partition, ...span, signal };
    await readRange(range, (record) => {
      const origin = originOf(record.headers);
      if (origin?.application !== application || origin.task !== partition) return;
      // Before this term that was another life of the journal: nothing of it can be compared.
      if (origin.n > lastN()) {
        if (record.offset >= first) onFenced(overtaken(topic, partition, origin.n, lastN()));
        return;
      }
      take(Buffer.from(record.key ?? []).toString('latin1'), { ...origin, record });
    });
  }

  /** False: something may have come behind the look, so that it has to be made again. */
  async #heal(logical: string, { topic, end, stale }: Look): Promise<boolean> {
    if (stale.length === 0) return true;
    const { surroundings, partition, signal, publisher } = this.#options;
    const { application } = surroundings.topology;
    const mark = publisher.quietMark;
    const bounds = (await surroundings.admin.offsets(topic))[partition];
    const isStill = mark !== null && publisher.quietMark === mark && bounds?.end === end;
    if (signal.aborted || !isStill) return false;
    for (const { index, record } of stale) {
      const { key, value, headers } = record;
      publisher.enqueue(null, [{ topic: logical, partition, key, value, headers, index }]);
    }
    surroundings.observer.healed?.(logical, stale.length);
    surroundings.log.warn(
      { application, partition, topic, keys: stale.length },
      'a read model had older versions behind newer ones; the newest are published again',
    );
    return true;
  }

  /** A look that fails is made again; what ends the term is said by the term. */
  #note(error: unknown): void {
    const { surroundings, partition, signal } = this.#options;
    if (signal.aborted) return;
    const { application } = surroundings.topology;
    surroundings.log.warn({ application, partition, error }, 'read models could not be looked at');
  }
}

function overtaken(topic: string, partition: number, n: number, own: number): EngineError {
  return new EngineError(
    'FENCED',
    'retake',
    `${topic}/${partition} holds what batch ${n} emitted, and this owner's last is ${own}: another owner has ` +
      `taken the task.`,
  );
}
