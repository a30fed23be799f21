import type { Codec } from '../../engine/codec.ts';

/** First byte of what was encoded here and now: no record on a topic begins with it. */
const OWN_MAGIC = 1;

/**
 * A codec that reads what stands on topics and encodes what today's handlers emit, without registering a schema:
 * the bytes of the latter are marked, so that they are never taken for the former.
 */
export function replayCodec(recorded: Codec, own: Codec): Codec {
  const isOwn = (bytes: Uint8Array): boolean => bytes[0] === OWN_MAGIC;
  return {
    encode(topic, record, value) {
      const bytes = own.encode(topic, record, value);
      bytes[0] = OWN_MAGIC;
      return bytes;
    },
    decode(bytes) {
      if (!isOwn(bytes)) return recorded.decode(bytes);
      const copy = Uint8Array.from(bytes);
      copy[0] = 0;
      return own.decode(copy);
    },
    knows: (bytes) => isOwn(bytes) || recorded.knows(bytes),
    learn: (bytes) => recorded.learn(bytes),
  };
}
