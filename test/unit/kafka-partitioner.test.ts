import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { murmur2, partitionOf } from '../../kafka/partitioner.ts';

/** From org.apache.kafka.common.utils.UtilsTest.testMurmur2. */
const GOLDEN = {
  '21': -973932308,
  foobar: -790332482,
  'a-little-bit-long-string': -985981536,
  'a-little-bit-longer-string': -1486304829,
  lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8: -58897971,
  abc: 479470107,
};

describe('partitioner', () => {
  for (const [key, hash] of Object.entries(GOLDEN))
    it(`K-05 hashes ${key} as Java does`, () => {
      expect(murmur2(Buffer.from(key))).toBe(hash);
      // Utils.toPositive clears the sign bit; the absolute value would be another partition.
      expect(partitionOf(Buffer.from(key), 7)).toBe((hash & 0x7fffffff) % 7);
    });

  it('K-05 hashes bytes above 127 and an empty key', () => {
    expect(murmur2(Buffer.from('größe ✓'))).toBe(murmur2(new TextEncoder().encode('größe ✓')));
    expect(murmur2(new Uint8Array())).toBe(275646681);
    expect(murmur2(Buffer.from([0xff, 0xfe, 0xfd, 0xfc, 0xfb, 0x80, 0x81]))).toBe(2012422948);
  });

  it('K-05 depends on the bytes of the key alone, and names a partition that is there', () => {
    fc.assert(
      fc.property(fc.uint8Array(), fc.integer({ min: 1, max: 1_000 }), (key, partitions) => {
        const partition = partitionOf(key, partitions);
        expect(partition).toBeGreaterThanOrEqual(0);
        expect(partition).toBeLessThan(partitions);
        const shifted = new Uint8Array([1, 2, 3, ...key, 4]).subarray(3, 3 + key.length);
        expect(partitionOf(shifted, partitions)).toBe(partition);
      }),
    );
  });
});
