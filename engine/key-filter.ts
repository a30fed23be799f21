const SEED = 0x811c9dc5;
const PRIME = 0x01000193;
/** Bits of 1 MiB: of a million keys every twentieth new one is taken for known. */
const BITS = 23;

/** FNV-1a of a key's UTF-8, well mixed in its high bits, too. */
export function hashOf(bytes: Buffer, from: number, until: number): number {
  let hash = SEED;
  for (let at = from; at < until; at++) hash = Math.imul(hash ^ (bytes[at] as number), PRIME);
  return (hash ^ (hash >>> 15)) >>> 0;
}

/** Keys that may have been added; what it does not know was not. */
export class KeyFilter {
  readonly #bits = new Uint32Array(2 ** (BITS - 5));

  /** False: it certainly was not there before. */
  add(hash: number): boolean {
    const first = hash >>> (32 - BITS);
    const second = Math.imul(hash, PRIME) >>> (32 - BITS);
    const wasThere = this.#set(first);
    return this.#set(second) && wasThere;
  }

  #set(place: number): boolean {
    const word = place >>> 5;
    const bit = 1 << (place & 31);
    const before = this.#bits[word] as number;
    this.#bits[word] = before | bit;
    return (before & bit) !== 0;
  }
}
