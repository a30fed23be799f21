import { HEADER } from '../../engine/event.ts';
import { type Origin, originOf } from '../../engine/origin.ts';
import { deadLetterTopics, type Topology } from '../../engine/topology.ts';
import type { FetchedRecord } from '../../kafka/client.ts';
import { readRange } from '../../kafka/read-range.ts';
import { StallLimit } from './journal-fold.ts';
import type { LogSession } from './log-session.ts';

/** A record where it stands, its topic without TOPIC_PREFIX. */
export interface Sighting {
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
  readonly timestampMs: number;
  readonly headers: FetchedRecord['headers'];
  readonly key: Uint8Array | null;
  readonly value: Uint8Array | null;
  readonly eventId: string | null;
  readonly correlationId: string | null;
  readonly causationId: string | null;
  readonly type: string | null;
  readonly sequence: number | null;
  readonly origin: Origin | null;
}

export interface ScanOptions {
  /** Logical names; one that is not on the broker is passed over. */
  readonly topics: readonly string[];
  /** Records older than this are passed over; null: from the start. */
  readonly sinceMs: number | null;
  readonly partition?: number;
}

const SCAN_LIMIT_MS = 60_000;
/** Of one look while the first record of a time is searched for. */
const PROBE_BYTES = 16 * 1024;

/**
 * Every record of the topics, from `sinceMs` to the ends they have now, partition by partition. `take` answering
 * true ends the scan.
 *
 * Limits: holds one fetch in memory; ends with an error after 60 s without progress.
 */
export async function scanTopics(
  session: LogSession,
  { topics, sinceMs, partition: only }: ScanOptions,
  take: (sighting: Sighting) => boolean | void,
): Promise<void> {
  const { admin, reader, names } = session;
  const existing = new Set(await admin.listTopics());
  const found = topics.filter((topic) => existing.has(names.physical(topic)));
  const stall = new StallLimit(SCAN_LIMIT_MS);
  const { signal } = stall;
  try {
    for (const logical of found) {
      const topic = names.physical(logical);
      for (const [partition, { start, end }] of (await admin.offsets(topic)).entries()) {
        if (only !== undefined && partition !== only) continue;
        const place = { topic, partition, start, end };
        const from = sinceMs === null ? start : await offsetAt(session, place, sinceMs);
        const range = { reader, topic, partition, from, until: end, signal };
        await readRange({ ...range, onProgress: () => stall.progress() }, (record) => {
          if (sinceMs !== null && record.timestampMs < sinceMs) return;
          if (take(sightingOf(record, logical)) === true) throw FOUND;
        });
      }
    }
  } catch (error) {
    if (error !== FOUND) throw error;
  } finally {
    stall.end();
  }
}

const FOUND = new Error('The scan has found what it was for.');

export function sightingOf(record: FetchedRecord, topic: string): Sighting {
  const { partition, offset, timestampMs, headers, key, value } = record;
  const sequence = headers[HEADER.sequence];
  return {
    topic,
    partition,
    offset,
    timestampMs,
    headers,
    key,
    value,
    eventId: headers[HEADER.eventId] ?? null,
    correlationId: headers[HEADER.correlationId] ?? null,
    causationId: headers[HEADER.causationId] ?? null,
    type: headers[HEADER.eventType] ?? null,
    sequence: sequence === undefined ? null : Number(sequence),
    origin: originOf(headers),
  };
}

/** Finds about where a time begins, by halving; what is older is left out by the caller. */
async function offsetAt(
  { reader }: LogSession,
  place: { readonly topic: string; readonly partition: number; start: number; end: number },
  timeMs: number,
): Promise<number> {
  const { topic, partition } = place;
  let [low, high] = [place.start, place.end];
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2);
    const [fetched] = await reader.fetch([{ topic, partition, offset: middle }], {
      maxWaitMs: 500,
      maxBytes: PROBE_BYTES,
    });
    const first = fetched?.records[0];
    // Nothing to judge by: read from further ahead, which is slower and never wrong.
    if (first === undefined || first.timestampMs >= timeMs) high = middle;
    else low = middle;
  }
  return low;
}

/** Logical topics that events of these topologies stand on, dead letters included; no read models, no journals. */
export function eventTopics(topologies: readonly Topology[]): readonly string[] {
  const all = topologies.flatMap((topology) => [
    ...topology.sources,
    ...topology.sinks.filter((sink) => !topology.readModels.has(sink)),
    ...deadLetterTopics(topology),
  ]);
  return [...new Set(all)];
}
