import { setTimeout as pause } from 'node:timers/promises';
import type { FetchPosition, KafkaClient } from '../../kafka/client.ts';
import { withReader } from './altered-reader.ts';

/** So many fetches of each journal */
const FETCHES = 20;
/** bring this much, or one record, */
const BYTES = 4 * 1024;
/** and begin this much later. */
const LATE_MS = 100;

/**
 * A client that reads the beginning of each journal little by little, so that what befalls a restore does so half-way. `onFetch` is
 * told of each such fetch before it begins.
 */
export function slowRestore(
  client: KafkaClient,
  onFetch: (position: FetchPosition) => void,
): KafkaClient {
  const fetches = new Map<string, number>();
  return withReader(client, (reader) => ({
    close: () => reader.close(),
    async fetch(positions, options) {
      const [position] = positions;
      // A look at how a journal was written says how much it wants.
      if (position?.topic.endsWith('.journal') !== true || options.maxBytes !== undefined)
        return reader.fetch(positions, options);
      const place = `${position.topic}/${position.partition}`;
      const before = fetches.get(place) ?? 0;
      fetches.set(place, before + 1);
      if (before >= FETCHES) return reader.fetch(positions, options);
      onFetch(position);
      await pause(LATE_MS);
      return reader.fetch(positions, { ...options, maxBytes: BYTES });
    },
  }));
}
