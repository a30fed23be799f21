import { murmur2 } from '@platformatic/kafka';

/**
 * The partition of a key, as Java's default partitioner has it: murmur2, sign bit cleared, modulo.
 *
 * Source: golden values of Kafka's own test suite in test/unit/kafka-partitioner.test.ts; K-05.
 */
export function partitionOf(key: Uint8Array, partitions: number): number {
  const bytes = Buffer.isBuffer(key)
    ? key
    : Buffer.from(key.buffer, key.byteOffset, key.byteLength);
  return (murmur2(bytes) & 0x7fffffff) % partitions;
}
