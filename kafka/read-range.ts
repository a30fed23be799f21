import { type FetchedRecord, KafkaError, type PartitionReader } from './client.ts';
import { SHELL_LIMITS } from './limits.ts';
import { Backoff, breathe, pause } from './wait.ts';

export interface Range {
  readonly reader: PartitionReader;
  readonly topic: string;
  readonly partition: number;
  readonly from: number;
  /** Read until the fetch position reaches this offset; a record need not exist just below it. */
  readonly until: number;
  readonly signal: AbortSignal;
  /** Called after each fetch with the position reached. */
  readonly onProgress?: (position: number) => void;
}

/**
 * Reads [from, until) of one partition in order. Ends by position, never by idleness and never by waiting for
 * the last offset. An unreachable broker is waited for; an offset out of range is an error, not a jump.
 *
 * Limits: one fetched megabyte is taken while another comes. A log that ends before `until` for SHELL_LIMITS.shortLogMs, though all of it was acknowledged, is waited for no longer.
 * Throws: KafkaError with the broker's code (not retried), LOG_TOO_SHORT, ABORTED when the signal fires, and what `take` throws.
 */
export async function readRange(
  range: Range,
  take: (record: FetchedRecord) => void | Promise<void>,
): Promise<void> {
  const { topic, partition, until, signal } = range;
  const backoff = new Backoff(100, 2_000);
  let next = range.from;
  let breathedAt = performance.now();
  let shortSince: number | null = null;
  let coming: ReturnType<typeof fetchOnce> | null = null;
  while (next < until) {
    if (signal.aborted)
      throw new KafkaError('ABORTED', true, `Reading ${topic}/${partition} was ended.`);
    const fetched = await (coming ?? fetchOnce(range, next));
    coming = null;
    if (fetched === null) {
      await pause(backoff.next(), signal);
      continue;
    }
    backoff.reset();
    if (fetched.nextOffset > next || fetched.highWatermark >= until) shortSince = null;
    else refuseShortLog(range, fetched.highWatermark, (shortSince ??= performance.now()));
    next = Math.max(next, fetched.nextOffset);
    if (next < until && fetched.records.length > 0) {
      // On its way while these are taken; where they cannot be, nobody hears of it.
      coming = fetchOnce(range, next);
      coming.catch(() => {});
    }
    for (const record of fetched.records) {
      if (record.offset >= until) break;
      const taken = take(record);
      if (taken !== undefined) await taken;
      if (performance.now() - breathedAt < SHELL_LIMITS.breathEveryMs) continue;
      await breathe();
      breathedAt = performance.now();
    }
    range.onProgress?.(Math.min(next, until));
  }
}

/** Throws: KafkaError LOG_TOO_SHORT when the log has ended there for too long. */
function refuseShortLog({ topic, partition, until }: Range, end: number, since: number): void {
  const ms = performance.now() - since;
  if (ms < SHELL_LIMITS.shortLogMs) return;
  throw new KafkaError(
    'LOG_TOO_SHORT',
    true,
    `${topic}/${partition} has ended at ${end} for ${Math.round(ms)} ms, and ${until} was acknowledged: records are gone, or ` +
      'their leader is new and its replicas lag behind. Look at the replicas of the partition.',
  );
}

async function fetchOnce(range: Range, offset: number) {
  const { reader, topic, partition } = range;
  try {
    const [fetched] = await reader.fetch([{ topic, partition, offset }], { maxWaitMs: 500 });
    if (fetched === undefined) return null;
    if (fetched.error === null) return fetched;
    if (fetched.error === 'OFFSET_OUT_OF_RANGE')
      throw new KafkaError(
        fetched.error,
        false,
        `Offset ${offset} of ${topic}/${partition} is outside ${fetched.logStartOffset}…` +
          `${fetched.highWatermark}.`,
      );
    return null;
  } catch (error) {
    if (error instanceof KafkaError && error.canRetry) return null;
    throw error;
  }
}
