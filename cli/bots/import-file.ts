import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { HEADER } from '../../engine/event.ts';
import type { BotIntake } from '../../gateway/index.ts';
import type { PlainProducer, RecordToSend } from '../../kafka/client.ts';
import type { TopicNames } from '../../kafka/topic-names.ts';
import { Backoff, pause } from '../../kafka/wait.ts';
import { fingerprintOf, linesOf } from './file-lines.ts';

/** Lines of one request, and their bytes: below the broker's limit for a batch with room for the Avro. */
const BATCH_LINES = 1_000;
const BATCH_BYTES = 256 * 1024;
/** How long one batch is tried. */
const SEND_LIMIT_MS = 60_000;
/** Rejected lines that are told one by one. */
const MAX_SHOWN = 20;

export interface ImportOptions {
  readonly file: string;
  /** Where it is kept how far an import came. */
  readonly stateFolder: string;
  readonly intake: BotIntake;
  readonly producer: PlainProducer;
  readonly names: TopicNames;
  readonly onProgress: (progress: ImportProgress) => void;
}

export interface ImportProgress {
  readonly bytes: number;
  readonly sizeBytes: number;
  readonly lines: number;
  readonly rejected: number;
}

export interface RejectedLine {
  /** From 1, empty lines left out. */
  readonly line: number;
  readonly event_id: string | null;
  readonly field: string;
  readonly code: string;
  readonly message: string;
}

export interface ImportReport {
  /** `file-<hash>/1`: what the report on bots calls it. */
  readonly producer: string;
  readonly lines: number;
  /** Sent by an earlier run that did not end. */
  readonly resumed: number;
  readonly taken: number;
  readonly rejected: number;
  /** The first 20 of this run. */
  readonly rejections: readonly RejectedLine[];
}

/** How far an import came; of no use with another number of partitions. */
interface ImportState {
  readonly bytes: number;
  readonly lines: number;
  readonly rejected: number;
  /** Topic to the last sequence of each partition. */
  readonly sequences: Readonly<Record<string, readonly number[]>>;
}

const START: ImportState = { bytes: 0, lines: 0, rejected: 0, sequences: {} };

/** The broker did not take a batch in time; the next run goes on from there. */
export class ImportError extends Error {
  override readonly name = 'ImportError';
  readonly code = 'BROKER_AWAY';
  readonly reaction = 'retry';
}

/**
 * Sends the lines of a file as a producer of its own: the file's hash is its id, and each line has a fixed number, so
 * that whatever is sent twice is known for the same. After a crash the next run goes on where the last batch was
 * acknowledged; a run over a file that was imported sends nothing.
 *
 * Throws: ImportError (retry); what reading the file throws.
 * Source: S-17, S-34, S-36.
 */
export async function importFile(options: ImportOptions): Promise<ImportReport> {
  const { file, intake, names, onProgress, stateFolder } = options;
  const { hash, sizeBytes, lines: total } = await fingerprintOf(file);
  const producer = `file-${hash}/1`;
  const stateFile = join(stateFolder, `${names.prefix}${hash}.json`);
  let state = await readState(stateFile);
  const resumed = state.lines;
  const rejections: RejectedLine[] = [];
  const send = async (batch: readonly Buffer[], bytes: number): Promise<void> => {
    const { records, rejected } = intake.take(batch, state.lines);
    const sequences = structuredClone(state.sequences) as Record<string, number[]>;
    const marked = records.map(({ record }) => withMark(record, producer, sequences));
    await sendSurely(options.producer, marked);
    for (const { index, ...rest } of rejected)
      if (rejections.length < MAX_SHOWN) rejections.push({ line: index + 1, ...rest });
    const lines = state.lines + batch.length;
    state = { bytes, lines, rejected: state.rejected + rejected.length, sequences };
    await writeState(stateFile, state);
    onProgress({ bytes, sizeBytes, lines, rejected: state.rejected });
  };
  let batch: Buffer[] = [];
  let batchBytes = 0;
  let end = state.bytes;
  for await (const line of linesOf(file, state.bytes)) {
    if (batch.length > 0 && batchBytes + line.bytes.length > BATCH_BYTES) {
      await send(batch, end);
      [batch, batchBytes] = [[], 0];
    }
    batch.push(line.bytes);
    batchBytes += line.bytes.length;
    end = line.end;
    if (batch.length < BATCH_LINES) continue;
    await send(batch, end);
    [batch, batchBytes] = [[], 0];
  }
  if (batch.length > 0) await send(batch, end);
  await sendSurely(options.producer, statements(producer, state, names));
  const { lines, rejected } = state;
  if (lines !== total) throw new Error(`${file} changed while it was read: run the import again`);
  return { producer, lines, resumed, taken: lines - rejected, rejected, rejections };
}

function withMark(
  record: RecordToSend,
  producer: string,
  sequences: Record<string, number[]>,
): RecordToSend {
  const counts = (sequences[record.topic] ??= []);
  const sequence = (counts[record.partition] ?? 0) + 1;
  counts[record.partition] = sequence;
  const marks = { [HEADER.producerId]: producer, [HEADER.producerSequence]: String(sequence) };
  return { ...record, headers: { ...record.headers, ...marks } };
}

/** The same records until all are acknowledged: what arrives twice has the same number twice. */
async function sendSurely(
  producer: PlainProducer,
  records: readonly RecordToSend[],
): Promise<void> {
  const backoff = new Backoff(100, 2_000);
  const never = new AbortController().signal;
  const deadline = performance.now() + SEND_LIMIT_MS;
  let left = records;
  while (left.length > 0) {
    const results = await producer.send(left);
    const open = results.filter(({ result }) => result !== 'confirmed');
    left = left.filter(({ topic, partition }) =>
      open.some((each) => each.topic === topic && each.partition === partition),
    );
    const [first] = open;
    if (first === undefined) return;
    if (performance.now() > deadline || first.result === 'refused')
      throw new ImportError(
        `${first.topic}/${first.partition} did not take a batch (${'code' in first ? first.code : ''}). ` +
          'See whether the broker is up, and run the import again: it goes on where it stopped.',
      );
    await pause(backoff.next(), never);
  }
}

function statements(
  producer: string,
  { sequences }: ImportState,
  names: TopicNames,
): readonly RecordToSend[] {
  return Object.entries(sequences).map(([topic, counts]) => {
    const logical = names.logical(topic);
    const sent = Array.from(counts, (count) => (count as number | undefined | null) ?? 0);
    return {
      topic: names.physical('orders.sent'),
      partition: 0,
      key: Buffer.from(`${producer}/${logical}`),
      value: Buffer.from(JSON.stringify({ producer_id: producer, topic: logical, sent })),
      headers: {},
    };
  });
}

async function readState(file: string): Promise<ImportState> {
  try {
    return JSON.parse(await readFile(file, 'utf8')) as ImportState;
  } catch {
    // None, or one that a crash cut off: the file is sent from its start, with the numbers it had.
    return START;
  }
}

async function writeState(file: string, state: ImportState): Promise<void> {
  await mkdir(dirname(file), { recursive: true });
  await writeFile(`${file}.new`, JSON.stringify(state));
  await rename(`${file}.new`, file);
}
