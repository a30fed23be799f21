/** Where a reader is: the offset after the last record taken, by topic and then by partition. */
export type Offsets = readonly (readonly number[])[];

/** Of the first byte; a change of the shape gets another. */
const VERSION = 1;
const SEVEN_BITS = 0x7f;
const MORE = 0x80;

/**
 * A position as clients keep it: opaque to them, and short, since it has to fit into a close frame's 123 bytes.
 *
 * Shape: base64url of the version, then each offset as a varint, by topic and partition.
 */
export function formatPosition(offsets: Offsets): string {
  const bytes = [VERSION];
  for (const offset of offsets.flat()) {
    let rest = offset;
    while (rest > SEVEN_BITS) {
      bytes.push((rest & SEVEN_BITS) | MORE);
      rest = Math.floor(rest / MORE);
    }
    bytes.push(rest);
  }
  return Buffer.from(bytes).toString('base64url');
}

/** The offsets of a position; null when it is none, or one of other topics or partitions. */
export function parsePosition(text: string, shape: Offsets): number[][] | null {
  const bytes = Buffer.from(text, 'base64url');
  if (bytes[0] !== VERSION || bytes.toString('base64url') !== text) return null;
  const numbers: number[] = [];
  let value = 0;
  let scale = 1;
  for (const byte of bytes.subarray(1)) {
    value += (byte & SEVEN_BITS) * scale;
    scale *= MORE;
    if (!Number.isSafeInteger(value)) return null;
    if ((byte & MORE) !== 0) continue;
    numbers.push(value);
    value = 0;
    scale = 1;
  }
  if (scale !== 1 || numbers.length !== shape.flat().length) return null;
  let next = 0;
  return shape.map((partitions) => partitions.map(() => numbers[next++] ?? 0));
}
