/*
 * murmur2 as Kafka's Java client has it. The client library's own counts in BigInt, several times as slow, and a
 * task asks this of every record it reads.
 */

const SEED = 0x9747b28c;
const MIX = 0x5bd1e995;

/**
 * The partition of a key, as Java's default partitioner has it: murmur2, sign bit cleared, modulo.
 *
 * Source: golden values of Kafka's own test suite in test/unit/kafka-partitioner.test.ts; K-05, F22.
 */
export function partitionOf(key: Uint8Array, partitions: number): number {
  return (murmur2(key) & 0x7fffffff) % partitions;
}

/** The hash as Java's signed 32-bit number. Source: org.apache.kafka.common.utils.Utils.murmur2. */
export function murmur2(bytes: Uint8Array): number {
  const words = bytes.length >> 2;
  let hash = SEED ^ bytes.length;
  for (let word = 0; word < words; word++) {
    const mixed = Math.imul(littleEndian(bytes, word * 4, 4), MIX);
    hash = Math.imul(hash, MIX) ^ Math.imul(mixed ^ (mixed >>> 24), MIX);
  }
  const rest = bytes.length & 3;
  if (rest > 0) hash = Math.imul(hash ^ littleEndian(bytes, words * 4, rest), MIX);
  hash = Math.imul(hash ^ (hash >>> 13), MIX);
  return (hash ^ (hash >>> 15)) | 0;
}

function littleEndian(bytes: Uint8Array, from: number, count: number): number {
  let value = 0;
  for (let index = count - 1; index >= 0; index--)
    value = (value << 8) | (bytes[from + index] ?? 0);
  return value;
}
