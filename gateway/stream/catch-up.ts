import type { FetchedPartition, FetchedRecord, PartitionReader } from '../../kafka/client.ts';
import { Backoff, pause } from '../../kafka/wait.ts';
import type { EventHub, PassingEvent } from './event-hub.ts';
import type { Offsets } from './stream-position.ts';

export interface CatchUpOptions {
  readonly hub: EventHub;
  /** Where the client is. */
  readonly from: number[][];
  readonly signal: AbortSignal;
  pass(event: PassingEvent): void;
  /** Order: once it is where the hub is, in the same moment: whoever waits for anything before it subscribes has a gap. */
  join(): void;
  /** Resolves when the client has room for more. */
  room(): Promise<void>;
}

const MAX_WAIT_MS = 250;
/** A position that the hub has not reached by then is not one of this log. */
const AHEAD_LIMIT_MS = 10_000;

/**
 * Gives a client what has passed since its position, up to where the hub is, and lets it join while the hub stands at
 * exactly the same place: so it has no gap and no repetition (B-30).
 *
 * Resolves true then; false when the log no longer holds what comes next, or never came that far.
 */
export async function catchUp(options: CatchUpOptions): Promise<boolean> {
  const { hub, from, signal, join } = options;
  const deadline = performance.now() + AHEAD_LIMIT_MS;
  const backoff = new Backoff(20, 500);
  const reader = hub.openReader();
  try {
    while (!signal.aborted) {
      const { offsets } = hub;
      if (offsets === null || isAhead(from, offsets)) {
        if (performance.now() > deadline) return false;
        await hub.moved();
        continue;
      }
      const behind = behindOf(hub, from, offsets);
      if (behind.length === 0) {
        join();
        return true;
      }
      const fetched = await fetchAgain(reader, behind, { backoff, signal });
      await hub.learn(fetched.flatMap(({ records }) => records));
      for (const partition of fetched) {
        if (partition.error === 'OFFSET_OUT_OF_RANGE') return false;
        await take(partition, options);
      }
    }
    return true;
  } finally {
    await reader.close();
  }
}

async function fetchAgain(
  reader: PartitionReader,
  positions: Parameters<PartitionReader['fetch']>[0],
  { backoff, signal }: { readonly backoff: Backoff; readonly signal: AbortSignal },
): Promise<readonly FetchedPartition[]> {
  try {
    return await reader.fetch(positions, { maxWaitMs: MAX_WAIT_MS });
  } catch {
    // The hub says in the log what is wrong with the broker.
    await pause(backoff.next(), signal);
    return [];
  }
}

/** Takes what the hub has passed already; the rest is the hub's to pass. */
async function take(fetched: FetchedPartition, options: CatchUpOptions): Promise<void> {
  const { hub, from, signal, pass, room } = options;
  const { topic, partition, records, nextOffset } = fetched;
  const at = hub.topics.indexOf(topic);
  const own = from[at] as number[];
  const passed = (): number => hub.offsets?.[at]?.[partition] ?? 0;
  for (const record of records) {
    await room();
    if (signal.aborted || record.offset >= passed()) return;
    own[partition] = record.offset + 1;
    pass(hub.passing(record satisfies FetchedRecord, from));
  }
  own[partition] = Math.max(own[partition] ?? 0, Math.min(nextOffset, passed()));
}

function isAhead(from: Offsets, hub: Offsets): boolean {
  return from.some((own, at) =>
    own.some((offset, partition) => offset > (hub[at]?.[partition] ?? 0)),
  );
}

function behindOf(hub: EventHub, from: Offsets, offsets: Offsets) {
  return hub.topics.flatMap((topic, at) =>
    (from[at] ?? []).flatMap((offset, partition) =>
      offset < (offsets[at]?.[partition] ?? 0) ? [{ topic, partition, offset }] : [],
    ),
  );
}
