import type { BatchBuilder } from './batch-builder.ts';
import { HEADER, type Headers } from './event.ts';
import { isAfter } from './journal-reader.ts';
import { originOf } from './origin.ts';
import { type ProducerPlace, producerOf, takeSequence } from './producer-marks.ts';
import { markKey, producerKey, type TaskState } from './task-state.ts';

/**
 * A bound of what dedupe remembers that was reached. Forgotten: what comes again may be taken again. Given up: what
 * comes after all is dropped. `producer_gaps` are sequences that did not come in time, and may still come.
 */
export type DedupeLimit =
  'event_ids_forgotten' | 'producers_forgotten' | 'producer_gaps' | 'producer_gaps_given_up';

/** What of a record dedupe looks at. */
interface Arrival {
  readonly topic: string;
  readonly partition: number;
  readonly headers: Headers;
}

/**
 * Whether a record was taken before (J7a): our own by origin, those of SDKs by producer and sequence, foreign ones
 * by the key's last event ids.
 */
export class Dedupe {
  readonly #state: TaskState;
  readonly #onLimit: (limit: DedupeLimit, count: number) => void;

  constructor(state: TaskState, onLimit: (limit: DedupeLimit, count: number) => void) {
    this.#state = state;
    this.#onLimit = onLimit;
  }

  /** Notes a record that says where it comes from. False: it was taken before. */
  isNew(record: Arrival, batch: BatchBuilder): boolean {
    const origin = originOf(record.headers);
    if (origin === null) {
      const place = producerOf(record.headers);
      return place === null || this.#isNewFromProducer(record.topic, place, batch);
    }
    const { topic, partition } = record;
    const mark = this.#state.marks.get(markKey(topic, origin.application, origin.task));
    if (mark !== undefined && !isAfter(origin.n, origin.index, mark.n, mark.index)) return false;
    batch.mark({ topic, partition, ...origin });
    return true;
  }

  /** Notes the event id of a record that says nothing of where it comes from. False: it was taken before. */
  isNewEvent({ headers }: Arrival, key: string, eventId: string, batch: BatchBuilder): boolean {
    if (originOf(headers) !== null || producerOf(headers) !== null) return true;
    const id = letterOf(headers) ?? eventId;
    if (this.#state.seen.get(key)?.has(id) === true) return false;
    if (batch.seen({ key, event_id: id })) this.#onLimit('event_ids_forgotten', 1);
    return true;
  }

  #isNewFromProducer(topic: string, place: ProducerPlace, batch: BatchBuilder): boolean {
    const known = this.#state.producers.get(producerKey(topic, place.producer));
    const taken = takeSequence(known, topic, place, this.#state.time);
    if (taken.mark === null) return false;
    if (batch.producer(taken.mark)) this.#onLimit('producers_forgotten', 1);
    if (taken.missing > 0) this.#onLimit('producer_gaps', taken.missing);
    if (taken.givenUp > 0) this.#onLimit('producer_gaps_given_up', taken.givenUp);
    return true;
  }
}

/**
 * A letter that one actor set aside is no duplicate of the event that the others have taken; the same letter sent
 * twice is one. One that nobody took is known by its event id, like any other record. null: it is no such letter.
 */
export function letterOf(headers: Headers): string | null {
  const from = headers[HEADER.redrivenFrom];
  return from === undefined || headers[HEADER.actor] === undefined ? null : `redriven ${from}`;
}
