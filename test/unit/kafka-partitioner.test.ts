import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { partitionOf } from '../../kafka/partitioner.ts';

/** murmur2 of these texts, from Kafka's own UtilsTest. */
const GOLDEN = [
  ['21', -973932308],
  ['foobar', -790332482],
  ['a-little-bit-long-string', -985981536],
  ['a-little-bit-longer-string', -1486304829],
  ['lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8', -58897971],
  ['abc', 479470107],
] as const;

const LARGEST = 0x7fffffff;

describe('partitionOf', () => {
  it.each(GOLDEN)('F22 hashes %s as Java does', (text, hash) => {
    const positive = hash & 0x7fffffff;
    for (const partitions of [4, 7, 1000, LARGEST])
      expect(partitionOf(Buffer.from(text), partitions)).toBe(positive % partitions);
  });

  it('F22 sees only the bytes of the key, not those around them', () => {
    const around = new TextEncoder().encode('xxfoobarxx').subarray(2, 8);
    expect(partitionOf(around, LARGEST)).toBe(partitionOf(Buffer.from('foobar'), LARGEST));
  });

  it('K-05 stays within the partitions and leaves the key as it was', () => {
    fc.assert(
      fc.property(fc.uint8Array(), fc.integer({ min: 1, max: 1000 }), (key, partitions) => {
        const before = Uint8Array.from(key);
        const partition = partitionOf(key, partitions);
        expect(partition).toBeGreaterThanOrEqual(0);
        expect(partition).toBeLessThan(partitions);
        expect(key).toEqual(before);
      }),
    );
  });
});
