import { HEADER, type Headers, type Micros } from './event.ts';
import type { ProducerMark } from './journal.ts';
import { LIMITS } from './limits.ts';

/** One incarnation of a producer, and where in its records for a partition one stands. */
export interface ProducerPlace {
  /** `id/incarnation`. */
  readonly producer: string;
  /** From 1, without gaps, per topic partition. */
  readonly sequence: number;
}

/** What came of a sequence. */
export interface TakenSequence {
  /** Null: it is held already, and the record is a duplicate. */
  readonly mark: ProducerMark | null;
  /** Sequences that have been missing for too long; reported once per gap. */
  readonly missing: number;
  /** Sequences given up because more ranges than a mark holds are apart; what comes of them late is dropped. */
  readonly givenUp: number;
}

const PRODUCER = /^[^/]{1,100}\/[^/]{1,100}$/;

/** The producer named by a record's headers; null when it names none, or not in this form. */
export function producerOf(headers: Headers): ProducerPlace | null {
  const producer = headers[HEADER.producerId];
  const sequence = Number(headers[HEADER.producerSequence] ?? Number.NaN);
  if (producer === undefined || !PRODUCER.test(producer)) return null;
  return Number.isSafeInteger(sequence) && sequence > 0 ? { producer, sequence } : null;
}

/**
 * Takes a sequence into a producer's mark: all up to the end of the first range is the low-water mark, what came
 * early stands in the ranges above it. Only what is held is a duplicate; a record that comes late fills its gap.
 *
 * Source: J7a, F5.
 */
export function takeSequence(
  known: ProducerMark | undefined,
  topic: string,
  { producer, sequence }: ProducerPlace,
  time: Micros,
): TakenSequence {
  const before = known?.held ?? [];
  if (holds(before, sequence)) return { mark: null, missing: 0, givenUp: 0 };
  const { held, givenUp } = bounded(withSequence(before, sequence));
  const opened = held.length > before.length && before.length > 0;
  const openedAt = known?.gap_since ?? (opened ? time : null);
  const since = held.length <= 2 ? null : openedAt;
  const isLate = since !== null && time - since > LIMITS.producerGapMicros;
  const gap_since = isLate ? null : since;
  const missing = isLate ? missingIn(held) : 0;
  return { mark: { topic, producer, held, gap_since }, missing, givenUp };
}

function holds(held: readonly number[], sequence: number): boolean {
  for (let at = held.length - 2; at >= 0; at -= 2)
    if (sequence >= (held[at] ?? 0)) return sequence <= (held[at + 1] ?? 0);
  return false;
}

function withSequence(held: readonly number[], sequence: number): readonly number[] {
  let at = held.length;
  while (at > 0 && (held[at - 2] ?? 0) > sequence) at -= 2;
  const joinsBefore = at > 0 && held[at - 1] === sequence - 1;
  const joinsAfter = held[at] === sequence + 1;
  const first = joinsBefore ? (held[at - 2] ?? sequence) : sequence;
  const last = joinsAfter ? (held[at + 1] ?? sequence) : sequence;
  const before = held.slice(0, joinsBefore ? at - 2 : at);
  return [...before, first, last, ...held.slice(joinsAfter ? at + 2 : at)];
}

/** With more ranges than are kept, the oldest gap is given up. */
function bounded(held: readonly number[]): {
  readonly held: readonly number[];
  readonly givenUp: number;
} {
  if (held.length <= 2 * LIMITS.rangesPerProducer) return { held, givenUp: 0 };
  const [first = 0, last = 0, next = 0, end = 0, ...rest] = held;
  return { held: [first, end, ...rest], givenUp: next - last - 1 };
}

function missingIn(held: readonly number[]): number {
  let missing = 0;
  for (let at = 2; at < held.length; at += 2) missing += (held[at] ?? 0) - (held[at - 1] ?? 0) - 1;
  return missing;
}
