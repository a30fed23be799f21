import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import type { KafkaClient } from '../../kafka/client.ts';
import { readRange } from '../../kafka/read-range.ts';

const READ_LIMIT_MS = 300_000;

/** What a reader of its own process is told. */
export interface BareRead {
  readonly brokers: readonly string[];
  readonly ranges: readonly JournalRange[];
}

export interface JournalRange {
  readonly topic: string;
  readonly partition: number;
  readonly start: number;
  readonly end: number;
}

/** Milliseconds in which all of it is read at once by who does nothing with the records. */
export async function readBare(
  kafka: KafkaClient,
  ranges: readonly JournalRange[],
): Promise<number> {
  const startedAt = performance.now();
  await Promise.all(ranges.map((range) => readJournal(kafka, range, () => undefined)));
  return performance.now() - startedAt;
}

/** The same in a process that is started for it (`bare-reader.ts`), and counted there from when it is connected. */
export async function readBareAnew(read: BareRead): Promise<number> {
  const script = join(import.meta.dirname, 'bare-reader.ts');
  const child = spawn(process.execPath, [script], { stdio: ['pipe', 'pipe', 'inherit'] });
  child.stdin.end(JSON.stringify(read));
  const [said, [code]] = await Promise.all([text(child.stdout), once(child, 'close')]);
  if (code !== 0) throw new Error(`The bare reader ended with ${code}.`);
  return Number(said);
}

/** Reads one partition with a reader of its own. */
export async function readJournal(
  kafka: KafkaClient,
  { topic, partition, start, end }: JournalRange,
  take: Parameters<typeof readRange>[1],
): Promise<void> {
  const reader = kafka.reader();
  const signal = AbortSignal.timeout(READ_LIMIT_MS);
  try {
    await readRange({ reader, topic, partition, from: start, until: end, signal }, take);
  } finally {
    await reader.close();
  }
}
