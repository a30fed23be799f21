import { type Codec, CodecError, type LeftOut } from '../engine/codec.ts';
import { EngineError } from '../engine/errors.ts';
import {
  type Anchor,
  type Batch,
  type Fence,
  BESIDES_CHANGES,
  JOURNAL_RECORD,
  type JournalEntry,
  type RestoredEntry,
} from '../engine/journal.ts';
import type { FetchedRecord, PartitionReader, PlainProducer } from './client.ts';
import { JOURNAL_REMEDY } from './journal-evidence.ts';
import { readRange } from './read-range.ts';

/** What a process knows of a journal's end, from one term of its task to the next. */
export interface KnownEnd {
  /** Past the newest record that any of them has had acknowledged. */
  offset: number;
}

export interface JournalLogOptions {
  readonly producer: PlainProducer;
  readonly reader: PartitionReader;
  readonly codec: Codec;
  readonly logicalTopic: string;
  readonly topic: string;
  readonly partition: number;
  readonly signal: AbortSignal;
  /** Absent: this term is the only one. */
  readonly known?: KnownEnd;
  onVoid(count: number): void;
}

/**
 * One partition of a journal, appended to by one term.
 *
 * Invariants, by their number in docs/protocol.md:
 * J1  `append` resolves only when the record is confirmed: acknowledged, and every record between the
 *     expected and the acknowledged offset read and found to be no other owner's fence;
 * J3  a base below the expected one means that acknowledged records were lost, and so does a fence below what an earlier term of
 *     this process had acknowledged: stop. A term left behind may be answered late, so each expects by itself;
 * J3a an unknown result ends the term; nothing here is ever sent again;
 * J3c one journal record per batch.
 */
export class JournalLog {
  readonly #options: JournalLogOptions;
  readonly #known: KnownEnd;
  #expected = -1;
  #confirmedAt = Number.NEGATIVE_INFINITY;
  /** Of the last record sent. */
  lastBytes = 0;

  constructor(options: JournalLogOptions) {
    this.#options = options;
    this.#known = options.known ?? { offset: 0 };
  }

  /**
   * Milliseconds since the newest append that is confirmed was sent (J5c). When its answer came says nothing: that may
   * have waited in a process that stood still.
   */
  get confirmedAgeMs(): number {
    return performance.now() - this.#confirmedAt;
  }

  /**
   * Appends the term's fence; the offset it gets is its name.
   *
   * Throws: EngineError APPEND_UNKNOWN (retake), APPEND_REFUSED, JOURNAL_LOST_RECORDS (stop).
   */
  async appendFence(fence: Fence): Promise<number> {
    const sentAt = performance.now();
    const offset = await this.#send(JOURNAL_RECORD.fence, fence);
    if (offset < this.#known.offset) throw this.#lostRecords(offset, this.#known.offset);
    this.#reached(offset, sentAt);
    return offset;
  }

  /**
   * Throws: EngineError APPEND_UNKNOWN, FENCED (retake), APPEND_REFUSED, JOURNAL_LOST_RECORDS (stop).
   */
  async append(entry: Batch | Anchor): Promise<number> {
    const sentAt = performance.now();
    const isAnchor = !('inputs' in entry);
    const offset = await this.#send(isAnchor ? JOURNAL_RECORD.anchor : JOURNAL_RECORD.batch, entry);
    if (offset < this.#expected) throw this.#lostRecords(offset, this.#expected);
    if (offset > this.#expected) await this.#readGap(this.#expected, offset);
    this.#reached(offset, sentAt);
    return offset;
  }

  #reached(offset: number, sentAt: number): void {
    this.#expected = offset + 1;
    this.#known.offset = Math.max(this.#known.offset, this.#expected);
    this.#confirmedAt = sentAt;
  }

  /** As `decodeChanges`. */
  decode(record: FetchedRecord): RestoredEntry | Promise<RestoredEntry> {
    return decodeChanges(this.#options.codec, record);
  }

  /** As `decodeEntry`. */
  decodeWhole(record: FetchedRecord): Promise<JournalEntry> {
    return decodeEntry(this.#options.codec, record);
  }

  async #readGap(from: number, until: number): Promise<void> {
    const { topic, partition, reader, signal } = this.#options;
    let voids = 0;
    await readRange({ reader, topic, partition, from, until, signal }, async (record) => {
      const entry = await this.decode(record);
      if (entry.kind === 'fence') throw this.#fenced(record.offset, entry.fence);
      voids += 1;
    });
    this.#options.onVoid(voids);
  }

  async #send(record: string, entry: Batch | Anchor | Fence): Promise<number> {
    const { producer, codec, logicalTopic, topic, partition } = this.#options;
    const value = codec.encode(logicalTopic, record, entry);
    this.lastBytes = value.byteLength;
    const [result] = await producer.send([{ topic, partition, key: null, value, headers: {} }]);
    if (result?.result === 'confirmed') return result.baseOffset;
    const code = result?.code ?? 'NO_RESULT';
    if (result?.result === 'refused')
      throw new EngineError(
        'APPEND_REFUSED',
        'stop',
        `The broker refused ${value.byteLength} bytes for journal ${topic}/${partition}: ${code}. ` +
          `Check max.message.bytes and the rights of this user on that topic.`,
      );
    throw new EngineError(
      'APPEND_UNKNOWN',
      'retake',
      `The result of an append to journal ${topic}/${partition} is unknown (${code}); ` +
        `the term ends and the task is taken again.`,
      { cause: result?.cause },
    );
  }

  #fenced(offset: number, fence: Fence): EngineError {
    const { topic, partition } = this.#options;
    return new EngineError(
      'FENCED',
      'retake',
      `Journal ${topic}/${partition} was fenced at offset ${offset} by ${fence.member} on ${fence.host}.`,
    );
  }

  #lostRecords(offset: number, due: number): EngineError {
    const { topic, partition } = this.#options;
    return new EngineError(
      'JOURNAL_LOST_RECORDS',
      'stop',
      `Journal ${topic}/${partition} gave offset ${offset} where ${due} was due: ` +
        `acknowledged records are gone. ${JOURNAL_REMEDY}`,
    );
  }
}

/**
 * Decodes one record of a journal.
 *
 * Throws: EngineError JOURNAL_UNREADABLE (stop); CodecError REGISTRY_AWAY (retake).
 */
export async function decodeEntry(codec: Codec, record: FetchedRecord): Promise<JournalEntry> {
  await learnFor(codec, record);
  return decodeKnown(codec, record);
}

/** As `decodeEntry`, of a batch its changes alone, and without a promise where the schema is known. */
export function decodeChanges(
  codec: Codec,
  record: FetchedRecord,
): RestoredEntry | Promise<RestoredEntry> {
  if (record.value !== null && !codec.knows(record.value))
    return learnFor(codec, record).then(() => decodeKnown(codec, record, BESIDES_CHANGES));
  return decodeKnown(codec, record, BESIDES_CHANGES);
}

async function learnFor(codec: Codec, record: FetchedRecord): Promise<void> {
  if (record.value === null || codec.knows(record.value)) return;
  try {
    await codec.learn(record.value);
  } catch (cause) {
    if (cause instanceof CodecError && cause.code === 'REGISTRY_AWAY') throw cause;
    throw unreadable(record, cause);
  }
}

function decodeKnown(codec: Codec, record: FetchedRecord, leftOut?: LeftOut): JournalEntry {
  try {
    if (record.value === null) throw new Error('the record has no value');
    return entryOf(codec.decode(record.value, leftOut));
  } catch (cause) {
    throw unreadable(record, cause);
  }
}

function unreadable({ topic, partition, offset }: FetchedRecord, cause: unknown): EngineError {
  return new EngineError(
    'JOURNAL_UNREADABLE',
    'stop',
    `Journal ${topic}/${partition} holds a record at offset ${offset} that is ` +
      `no journal entry; nobody but the application may write there.`,
    { cause },
  );
}

function entryOf(decoded: { readonly record: string; readonly value: unknown }): JournalEntry {
  if (decoded.record === JOURNAL_RECORD.fence)
    return { kind: 'fence', fence: decoded.value as Fence };
  if (decoded.record === JOURNAL_RECORD.batch)
    return { kind: 'batch', batch: decoded.value as Batch };
  if (decoded.record === JOURNAL_RECORD.anchor)
    return {
      kind: 'anchor',
      anchor: decoded.value as Anchor,
    };
  throw new Error(`unknown journal record ${decoded.record}`);
}
