import type { FetchedRecord } from '../../kafka/client.ts';
import { VoidRunError } from '../latency/audit.ts';
import { inputOf } from './work.ts';

/** Reads a topic from its start to its end, each partition in order. */
export type ReadTopic = (topic: string, take: (record: FetchedRecord) => void) => Promise<void>;

export interface Expected {
  /** Physical names, outputs only. */
  readonly topics: readonly string[];
  /** How many inputs were made. */
  readonly made: number;
  /**
   * `none`: an output that stands twice is a fault. `count`: it is a figure, and a copy may stand after later ones; the first
   * ones must be in order.
   */
  readonly duplicates: 'none' | 'count';
  /** The count that an output says, where the work is to say one; NaN: none. */
  readonly countOf?: (record: FetchedRecord) => number;
}

export interface Checked {
  /** When the broker appended the first last output of each input: ms of its clock, in the order of time. */
  readonly appendedAt: readonly number[];
  /** Outputs that stand on the topics beyond one for each input. */
  readonly copies: number;
}

/**
 * Checks that every input has each of its outputs, once, that the outputs of a key stand in the order of its inputs, and that
 * counts are right. What a system's figures say counts only then.
 *
 * Throws: VoidRunError that names the first fault and how many there are.
 */
export async function checkOutputs(expected: Expected, read: ReadTopic): Promise<Checked> {
  const faults: string[] = [];
  let copies = 0;
  let appendedAt: number[] = [];
  for (const topic of expected.topics) {
    const outputs = new TopicOutputs(topic, expected, (fault) => faults.push(fault));
    await read(topic, (record) => outputs.take(record));
    outputs.end();
    copies += outputs.copies;
    appendedAt = outputs.appendedAt;
  }
  if (faults.length > 0)
    throw new VoidRunError(`${faults[0]} (${faults.length} such): the run is void.`);
  return { appendedAt: appendedAt.sort((left, right) => left - right), copies };
}

class TopicOutputs {
  readonly appendedAt: number[] = [];
  copies = 0;
  readonly #expected: Expected;
  readonly #fault: (what: string) => void;
  readonly #seen: Uint8Array;
  readonly #lastOfKey = new Map<string, number>();
  readonly #countOfKey = new Map<string, number>();

  constructor(topic: string, expected: Expected, fault: (what: string) => void) {
    this.#expected = expected;
    this.#fault = (what) => fault(`${topic} ${what}`);
    this.#seen = new Uint8Array(expected.made);
  }

  take(record: FetchedRecord): void {
    const input = inputOf(record.headers);
    if (!(input >= 0 && input < this.#expected.made))
      return this.#fault('has an output of nothing');
    const times = (this.#seen[input] ?? 0) + 1;
    this.#seen[input] = Math.min(times, 255);
    if (times > 1) return this.#copy(input, times);
    this.appendedAt.push(record.timestampMs);
    const key = Buffer.from(record.key ?? []).toString();
    if ((this.#lastOfKey.get(key) ?? -1) > input)
      this.#fault(`has input ${input} of ${key} after a later one`);
    this.#lastOfKey.set(key, input);
    this.#checkCount(key, record);
  }

  end(): void {
    for (const [input, times] of this.#seen.entries())
      if (times === 0) this.#fault(`has input ${input} 0 times`);
  }

  #copy(input: number, times: number): void {
    this.copies += 1;
    if (this.#expected.duplicates === 'none') this.#fault(`has input ${input} ${times} times`);
  }

  #checkCount(key: string, record: FetchedRecord): void {
    const said = this.#expected.countOf?.(record);
    if (said === undefined) return;
    const ordinal = (this.#countOfKey.get(key) ?? 0) + 1;
    this.#countOfKey.set(key, ordinal);
    if (said !== ordinal) this.#fault(`counts ${said} where ${key} is handled for time ${ordinal}`);
  }
}
