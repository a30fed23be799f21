import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { LIMITS } from '../../engine/limits.ts';
import type { ProducerMark } from '../../engine/journal.ts';
import { producerOf, takeSequence } from '../../engine/producer-marks.ts';

/** Takes sequences one after another, `seconds` apart. */
function take(sequences: readonly number[], seconds = 0) {
  let mark: ProducerMark | undefined;
  let missing = 0;
  let givenUp = 0;
  const taken: number[] = [];
  sequences.forEach((sequence, index) => {
    const place = { producer: 'p/1', sequence };
    const result = takeSequence(mark, 't', place, index * seconds * 1e6);
    if (result.mark !== null) taken.push(sequence);
    mark = result.mark ?? mark;
    missing += result.missing;
    givenUp += result.givenUp;
  });
  return { taken, missing, givenUp, held: mark?.held, since: mark?.gap_since };
}

describe('marks of a producer', () => {
  it('J7a drops only what is held, in whatever order it comes', () => {
    expect(take([1, 2, 5, 4, 2, 5, 3, 3]).taken).toEqual([1, 2, 5, 4, 3]);
    expect(take([1, 2, 5, 4, 3]).held).toEqual([1, 5]);
    expect(take([7, 8, 6, 6])).toMatchObject({ taken: [7, 8, 6], held: [6, 8] });
  });

  it('J7a takes every sequence once, whatever is lost, late or double within the bound', () => {
    const sequences = fc.array(fc.integer({ min: 1, max: 60 }), { maxLength: 200, size: 'max' });
    fc.assert(
      fc.property(sequences, (arriving) => {
        const { taken, held = [] } = take(arriving);
        expect(taken).toEqual([...new Set(arriving)]);
        const ranges = held.flatMap((first, at) =>
          at % 2 === 1
            ? []
            : Array.from({ length: (held[at + 1] ?? 0) - first + 1 }, (_, index) => first + index),
        );
        expect(ranges).toEqual([...new Set(arriving)].sort((left, right) => left - right));
      }),
    );
  });

  it('J7a reports a gap that is not filled in time, once', () => {
    expect(take([1, 2, 5, 6, 3, 4], 1)).toMatchObject({ missing: 0, since: null });
    expect(take([1, 4, 5, 6, 7, 8, 9], 10).missing).toBe(2);
    expect(take([1, 4, 5, 6, 7, 2, 3], 10)).toMatchObject({ missing: 1, held: [1, 7] });
  });

  it('J7a gives up the oldest gap when it would hold more ranges than its bound', () => {
    const odd = Array.from({ length: LIMITS.rangesPerProducer + 1 }, (_, index) => 2 * index + 1);
    const { held, givenUp } = take(odd);
    expect(givenUp).toBe(1);
    expect(held).toHaveLength(2 * LIMITS.rangesPerProducer);
    expect(held?.slice(0, 4)).toEqual([1, 3, 5, 5]);
  });

  it('J7a reads id, incarnation and sequence, and takes any other form for a foreign record', () => {
    const of = (producer_id: string, producer_sequence: string) =>
      producerOf({ producer_id, producer_sequence });
    expect(of('bot-1/3f', '42')).toEqual({ producer: 'bot-1/3f', sequence: 42 });
    for (const [id, sequence] of [
      ['bot-1', '42'],
      ['bot-1/', '42'],
      ['a/b/c', '42'],
      ['bot-1/3f', '0'],
      ['bot-1/3f', '1.5'],
      ['bot-1/3f', ''],
    ] as const)
      expect(of(id, sequence)).toBeNull();
  });
});
