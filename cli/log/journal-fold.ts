import type { Batch, Fence } from '../../engine/journal.ts';
import { JournalReader } from '../../engine/journal-reader.ts';
import type { TaskState } from '../../engine/task-state.ts';
import { decodeEntry } from '../../kafka/journal-log.ts';
import { readRange } from '../../kafka/read-range.ts';
import type { LogSession } from './log-session.ts';

/** A batch where it stands, with the fence in force there. */
export interface FoldedBatch {
  readonly offset: number;
  readonly batch: Batch;
  /** False: void by J2, so nothing of it stands. */
  readonly isValid: boolean;
  readonly fence: { readonly offset: number; readonly fence: Fence } | null;
}

export interface FoldVisitor {
  /** Order: before the batch is applied; the state is the task's before it. */
  before?(batch: Batch, state: TaskState): void | Promise<void>;
  /** Order: after it was applied, or found void. */
  after?(folded: FoldedBatch, state: TaskState): void | Promise<void>;
}

export interface FoldOptions {
  readonly application: string;
  readonly partition: number;
  /** Most time without any news of the broker. Default: 60 s. */
  readonly limitMs?: number;
}

const FOLD_LIMIT_MS = 60_000;

/**
 * Reads a journal partition from its start to the end it has now, as a restoring owner would.
 *
 * Limits: memory as that of the task itself; ends with an error after `limitMs` without progress.
 * Throws: KafkaError ABORTED; EngineError JOURNAL_UNREADABLE; CodecError REGISTRY_AWAY; what the visitor throws.
 */
export async function foldJournal(
  session: LogSession,
  options: FoldOptions,
  visitor: FoldVisitor = {},
): Promise<JournalReader> {
  const { partition, limitMs = FOLD_LIMIT_MS } = options;
  const topic = session.names.physical(`${options.application}.journal`);
  const { start = 0, end = 0 } = (await session.admin.offsets(topic))[partition] ?? {};
  const journal = new JournalReader();
  const stall = new StallLimit(limitMs);
  const range = { reader: session.reader, topic, partition, from: start, until: end };
  try {
    await readRange(
      { ...range, signal: stall.signal, onProgress: () => stall.progress() },
      async (record) => {
        const entry = await decodeEntry(session.codec, record);
        if (entry.kind !== 'batch') return void journal.read(record.offset, entry);
        const { batch } = entry;
        await visitor.before?.(batch, journal.state);
        const voids = journal.voidBatches;
        journal.read(record.offset, entry);
        const isValid = journal.voidBatches === voids;
        const folded = { offset: record.offset, batch, isValid, fence: journal.lastFence };
        await visitor.after?.(folded, journal.state);
      },
    );
  } finally {
    stall.end();
  }
  return journal;
}

/** Fires when nothing moved for a while: a broker that went away must not hold a command for ever. */
export class StallLimit {
  readonly #ended = new AbortController();
  readonly #limitMs: number;
  #timer: NodeJS.Timeout;

  constructor(limitMs: number) {
    this.#limitMs = limitMs;
    this.#timer = this.#start();
  }

  get signal(): AbortSignal {
    return this.#ended.signal;
  }

  progress(): void {
    clearTimeout(this.#timer);
    this.#timer = this.#start();
  }

  end(): void {
    clearTimeout(this.#timer);
  }

  #start(): NodeJS.Timeout {
    return setTimeout(() => this.#ended.abort(), this.#limitMs);
  }
}
