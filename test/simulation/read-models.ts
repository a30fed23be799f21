import { isAfter } from '../../engine/journal-reader.ts';
import { originOf } from '../../engine/origin.ts';
import type { FetchedRecord } from '../../kafka/client.ts';

/** Keys of one partition of a read model whose last version is not their newest (J9b). */
export function outOfPlace(records: readonly FetchedRecord[]): readonly string[] {
  const newest = new Map<string, { readonly n: number; readonly index: number }>();
  const isStale = new Map<string, boolean>();
  for (const { key, headers } of records) {
    const name = Buffer.from(key ?? []).toString();
    const { n = 0, index = 0 } = originOf(headers) ?? {};
    const before = newest.get(name);
    const isOlder = before !== undefined && isAfter(before.n, before.index, n, index);
    if (!isOlder) newest.set(name, { n, index });
    isStale.set(name, isOlder);
  }
  return [...isStale].flatMap(([name, stale]) => (stale ? [name] : []));
}
