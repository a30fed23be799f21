import type { FetchedPartition, FetchPosition, PartitionReader } from '../../../kafka/client.ts';
import { record, type Rig, textOf } from './rig.ts';

export const SOON = { maxWaitMs: 100 };

export const found = ({ records }: FetchedPartition): readonly (readonly [number, string])[] =>
  records.map(({ offset, value }) => [offset, textOf(value)]);

export async function fetchOne(
  reader: PartitionReader,
  position: FetchPosition,
  limits: { readonly maxWaitMs: number; readonly maxBytes?: number } = SOON,
): Promise<FetchedPartition> {
  const [fetched] = await reader.fetch([position], limits);
  if (fetched === undefined) throw new Error('Nothing was answered for the one position asked.');
  return fetched;
}

/** A topic whose partition 0 holds `r0`, `r1`, … in batches of `batch`. */
export async function filled(rig: Rig, count: number, batch = count): Promise<string> {
  const topic = await rig.topic();
  const producer = rig.producer();
  for (let from = 0; from < count; from += batch)
    await producer.send(
      Array.from({ length: Math.min(batch, count - from) }, (_, index) =>
        record(topic, `r${from + index}`),
      ),
    );
  return topic;
}
