import { BOT_EVENTS } from '../avro/index.ts';
import {
  type BotAppendReport,
  type BotReject,
  type BotRow,
  type BotStore,
  type EventPart,
  eventParts,
  type SentStatement,
  StoreError,
} from '../connectors/postgres/index.ts';
import { type Codec, CodecError } from '../engine/codec.ts';
import { HEADER, type Headers } from '../engine/event.ts';
import type { FetchedRecord, PlainProducer, RecordToSend } from '../kafka/client.ts';
import type { Log } from '../kafka/log.ts';
import type { SinkMove, SinkTarget } from '../kafka/sink.ts';
import type { TopicNames } from '../kafka/topic-names.ts';
import { breathe } from '../kafka/wait.ts';
import { type DesiredTopic, STAMPED_BY_BROKER } from '../kafka/topics.ts';
import { placeOf } from './log.ts';
import {
  BOT_APPLICATION,
  BOT_TOPIC,
  ORIGINAL_TOPIC_HEADER,
  readBotRecord,
  refusedRow,
  saidType,
  writtenFor,
} from './bot-record.ts';

export const BOT_TOPICS: readonly string[] = Object.values(BOT_TOPIC);
/** Where its rejected events go. */
export const BOT_DEAD_LETTERS: readonly string[] = [
  ...BOT_EVENTS.map(({ type }) => type),
  BOT_TOPIC.avro,
  BOT_TOPIC.json,
].map((name) => `dlq.${name}`);

/** Topics of no application: what the sink reads, and where it puts what it cannot take. */
export const BOT_SINK_TOPICS: readonly DesiredTopic[] = [
  { name: BOT_TOPIC.avro, kind: 'event', created: STAMPED_BY_BROKER },
  { name: BOT_TOPIC.json, kind: 'event', created: STAMPED_BY_BROKER },
  { name: BOT_TOPIC.redrive, kind: 'event' },
  { name: BOT_TOPIC.sent, kind: 'read-model', created: STAMPED_BY_BROKER },
  ...BOT_DEAD_LETTERS.map((name) => ({ name, kind: 'dead-letter' }) as const),
];

/** The name its positions stand under. */
export const BOT_SINK = 'bot-store';
/** Partitions of one statement: a topic has no more. */
const MAX_PARTITIONS = 10_000;

/** Records that are read before the event loop has a turn. */
const RECORDS_AT_ONCE = 100;

/** Told what became of a batch once it is committed. */
export interface BotSinkObserver {
  stored(report: BotAppendReport, rejects: readonly BotReject[]): void;
}

export interface BotSinkOptions {
  readonly store: Pick<BotStore, 'append' | 'ensurePositions' | 'positions' | 'unstorable'>;
  readonly codec: Codec;
  /** For dead letters. */
  readonly producer: PlainProducer;
  readonly names: TopicNames;
  readonly observer: BotSinkObserver;
  readonly log: Log;
}

/** The broker did not take the dead letters of a batch; nothing of it is stored yet. */
class LettersNotTakenError extends Error {
  override readonly name = 'LettersNotTakenError';
  readonly code = 'BROKER_AWAY';
  readonly reaction = 'retry';
}

/**
 * Events of bots to Postgres, rows, accounts and positions in one transaction: a crash neither loses nor doubles a
 * row. What is against the rules goes to its dead-letter topic first, so that after a crash in between its letter
 * may be there twice, with the same `x-original-offset`.
 *
 * Source: S-29…S-41.
 */
export function botSink(options: BotSinkOptions): SinkTarget {
  const { store } = options;
  const turn = new Turn();
  return {
    name: BOT_SINK,
    topics: BOT_TOPICS,
    // What is gone from the log is noted and reported; the rest is not held up by it.
    mayStartLate: true,
    async positions(partitions) {
      await turn.settled();
      const wanted = BOT_TOPICS.flatMap((topic) =>
        partitions.map((partition) => ({ topic, partition })),
      );
      await store.ensurePositions(BOT_SINK, wanted);
      const own = new Set(partitions);
      const stored = await store.positions(BOT_SINK);
      return stored
        .filter(({ topic, partition }) => BOT_TOPICS.includes(topic) && own.has(partition))
        .map(({ topic, partition, next }) => ({ topic, partition, offset: next }));
    },
    async write(records, moves) {
      const batch = await read(records, options);
      const parts = await eventParts(batch.events);
      await turn.take(async () => {
        await sendLetters(batch.letters, options);
        const { report, rejects } = await append({ ...batch, parts }, moves, options);
        options.observer.stored(report, rejects);
      });
    },
  };
}

/**
 * One batch is stored while the next is read and decoded. What became of it is known when the next one comes, or when
 * the positions are asked for: after a failure the sink goes on from those.
 */
class Turn {
  #running: Promise<void> = Promise.resolve();

  /** Resolves when the work has begun. Throws: what became of the work before; this one is then not begun. */
  async take(work: () => Promise<void>): Promise<void> {
    const before = this.#running;
    this.#running = Promise.resolve();
    await before;
    this.#running = work();
    this.#running.catch(() => {});
  }

  /** Resolves when nothing is under way, however it ended. */
  async settled(): Promise<void> {
    await this.#running.catch(() => {});
    this.#running = Promise.resolve();
  }
}

interface ReadBatch {
  readonly events: readonly BotRow[];
  readonly rejects: readonly BotReject[];
  readonly letters: readonly RecordToSend[];
  readonly statements: readonly SentStatement[];
  readonly recordOf: ReadonlyMap<BotRow, FetchedRecord>;
}

interface ReadyBatch extends ReadBatch {
  readonly parts: readonly EventPart[];
}

async function read(
  records: readonly FetchedRecord[],
  { codec, names, log }: BotSinkOptions,
): Promise<ReadBatch> {
  const events: BotRow[] = [];
  const rejects: BotReject[] = [];
  const letters: RecordToSend[] = [];
  const statements: SentStatement[] = [];
  const recordOf = new Map<BotRow, FetchedRecord>();
  for (const [index, record] of records.entries()) {
    // What is stored meanwhile need not wait until all are read.
    if (index % RECORDS_AT_ONCE === 0) await breathe();
    if (record.topic === BOT_TOPIC.sent) {
      const statement = statementOf(record);
      if (statement !== null) statements.push(statement);
      else log.warn({ origin: placeOf(record) }, 'no statement of a producer, passed over');
      continue;
    }
    if (writtenFor(record) === BOT_TOPIC.avro) await learn(record, codec);
    const { row, reject } = readBotRecord(record, codec);
    if (row !== null) {
      events.push(row);
      recordOf.set(row, record);
      continue;
    }
    rejects.push(reject);
    letters.push(letterOf(record, reject, names));
  }
  return { events, rejects, letters, statements, recordOf };
}

/** An unknown schema is no reason to wait for ever: decoding says what is wrong with the record. */
async function learn({ value }: FetchedRecord, codec: Codec): Promise<void> {
  if (value === null || codec.knows(value)) return;
  try {
    await codec.learn(value);
  } catch (error) {
    if (!(error instanceof CodecError) || error.code === 'REGISTRY_AWAY') throw error;
  }
}

function statementOf({ value }: FetchedRecord): SentStatement | null {
  try {
    const said = JSON.parse(Buffer.from(value ?? []).toString('utf8')) as Record<string, unknown>;
    const { producer_id: producer, topic, sent } = said;
    if (typeof producer !== 'string' || producer.length > 201 || producer.includes('\u0000'))
      return null;
    if (topic !== BOT_TOPIC.avro && topic !== BOT_TOPIC.json) return null;
    if (!Array.isArray(sent) || sent.length > MAX_PARTITIONS) return null;
    const isCount = (each: unknown): boolean => Number.isSafeInteger(each) && Number(each) >= 0;
    return sent.every(isCount) ? { producer, topic, sent: sent as number[] } : null;
  } catch {
    return null;
  }
}

function letterOf(record: FetchedRecord, reject: BotReject, names: TopicNames): RecordToSend {
  const { partition, key, value } = record;
  const known = BOT_EVENTS.some(({ type }) => type === reject.eventType);
  const type = known ? reject.eventType : saidType(record);
  // Marks of where it stood; a redrive stands elsewhere.
  const {
    [HEADER.producerId]: _id,
    [HEADER.producerSequence]: _sequence,
    ...headers
  } = record.headers;
  const id: Headers = reject.eventId === null ? {} : { [HEADER.eventId]: reject.eventId };
  return {
    topic: names.physical(`dlq.${type ?? writtenFor(record)}`),
    partition,
    key,
    value,
    headers: {
      ...id,
      ...headers,
      'x-application': BOT_APPLICATION,
      ...originalOf(record),
      'x-error': reject.code,
      'x-error-field': reject.field,
      'x-error-message': reject.message,
      attempt: '1',
    },
  };
}

/** Where it stood first: a letter that came back and is refused again still says so. */
function originalOf({ topic, partition, offset, headers }: FetchedRecord): Headers {
  const isBack = topic === BOT_TOPIC.redrive && headers[ORIGINAL_TOPIC_HEADER] !== undefined;
  if (isBack) return {};
  return {
    [ORIGINAL_TOPIC_HEADER]: topic,
    'x-original-partition': String(partition),
    'x-original-offset': String(offset),
  };
}

/** Of keys and values in one request: below the broker's limit for a batch of dead letters. */
const MAX_LETTERS_BYTES = 512 * 1024;

async function sendLetters(
  letters: readonly RecordToSend[],
  { producer }: BotSinkOptions,
): Promise<void> {
  let batch: RecordToSend[] = [];
  let bytes = 0;
  const flush = async (): Promise<void> => {
    if (batch.length === 0) return;
    const results = await producer.send(batch);
    const failed = results.find(({ result }) => result !== 'confirmed');
    if (failed !== undefined)
      throw new LettersNotTakenError(
        `${failed.topic}/${failed.partition} did not take ${batch.length} dead letters ` +
          `(${'code' in failed ? failed.code : failed.result}). See whether the broker is up, and 'millrace topology plan'.`,
      );
    batch = [];
    bytes = 0;
  };
  for (const letter of letters) {
    const size = (letter.key?.length ?? 0) + (letter.value?.length ?? 0);
    if (bytes + size > MAX_LETTERS_BYTES) await flush();
    batch.push(letter);
    bytes += size;
  }
  await flush();
}

/** Returns what became of the batch, and all that was refused, by the rules or by Postgres. */
async function append(
  { events, parts, rejects, statements, recordOf }: ReadyBatch,
  moves: readonly SinkMove[],
  options: BotSinkOptions,
): Promise<{ readonly report: BotAppendReport; readonly rejects: readonly BotReject[] }> {
  const { store, names, log } = options;
  const gaps = moves.filter(({ skipped }) => skipped === true);
  for (const gap of gaps) log.error({ ...gap }, 'records were gone from the log before they came');
  const batch = { sink: BOT_SINK, moves, gaps, statements };
  try {
    return { report: await store.append({ ...batch, events, parts, rejects }), rejects };
  } catch (error) {
    if (!(error instanceof StoreError) || error.code !== 'INVALID') throw error;
    const refused = new Set(await store.unstorable(events));
    if (refused.size === 0) throw error;
    for (const { eventType: topic, correlationId, eventId } of refused)
      log.error({ topic, correlationId, eventId }, error.message);
    const letters = [...refused].flatMap((row) => {
      const record = recordOf.get(row);
      return record === undefined ? [] : [letterOf(record, refusedRow(row), names)];
    });
    await sendLetters(letters, options);
    const rest = events.filter((event) => !refused.has(event));
    const all = [...rejects, ...[...refused].map(refusedRow)];
    return { report: await store.append({ ...batch, events: rest, rejects: all }), rejects: all };
  }
}
