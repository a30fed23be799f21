import type { SourceRecord } from '../../engine/task.ts';
import { type FetchedRecord, KafkaError } from '../../kafka/client.ts';
import { Backoff, pause } from '../../kafka/wait.ts';
import type { LogSession } from './log-session.ts';

interface Window {
  readonly topicId: string;
  readonly records: ReadonlyMap<number, FetchedRecord>;
}

const MAX_WAIT_MS = 500;
/** Fetches that may fail in a row, with pauses, before the broker counts as away. */
const MOST_ATTEMPTS = 10;

/**
 * Records by their place, with the schema of each learnt. What was fetched with one stays at hand, because journals name
 * the records of a topic nearly in its order.
 *
 * Limits: one fetch per topic and partition in memory.
 */
export class RecordSource {
  readonly #session: LogSession;
  readonly #windows = new Map<string, Window>();

  constructor(session: LogSession) {
    this.#session = session;
  }

  /** null: the log no longer holds it. Throws: KafkaError when the broker does not answer; CodecError REGISTRY_AWAY. */
  async at(topic: string, partition: number, offset: number): Promise<SourceRecord | null> {
    const place = `${topic}/${partition}`;
    let window = this.#windows.get(place);
    if (window?.records.has(offset) !== true) {
      window = await this.#fetch(topic, partition, offset);
      this.#windows.set(place, window);
    }
    const record = window.records.get(offset);
    if (record === undefined) return null;
    const { codec } = this.#session;
    await learn(codec, record.value);
    return { ...record, topic, topicId: window.topicId };
  }

  async #fetch(topic: string, partition: number, offset: number): Promise<Window> {
    const { names, reader } = this.#session;
    const position = { topic: names.physical(topic), partition, offset };
    const backoff = new Backoff(100, 2_000);
    for (let attempt = 0; attempt < MOST_ATTEMPTS; attempt++) {
      const [fetched] = await reader.fetch([position], { maxWaitMs: MAX_WAIT_MS });
      if (fetched?.error === null) {
        const records = fetched.records.map((record) => [record.offset, record] as const);
        return { topicId: fetched.topicId, records: new Map(records) };
      }
      if (fetched !== undefined && GONE.has(fetched.error ?? ''))
        return { topicId: '', records: new Map() };
      await pause(backoff.next(), new AbortController().signal);
    }
    throw new KafkaError(
      'NO_RESULT',
      true,
      `${position.topic}/${partition} cannot be read at ${offset}; see whether the broker runs.`,
    );
  }
}

const GONE: ReadonlySet<string> = new Set(['OFFSET_OUT_OF_RANGE', 'UNKNOWN_TOPIC_OR_PARTITION']);

/**
 * Makes a value decodable. A schema that the registry does not have leaves it undecodable, as it is for a task.
 *
 * Throws: CodecError REGISTRY_AWAY.
 */
export async function learn(codec: LogSession['codec'], value: Uint8Array | null): Promise<void> {
  if (value === null || codec.knows(value)) return;
  try {
    await codec.learn(value);
  } catch (error) {
    if ((error as { readonly code?: unknown }).code === 'REGISTRY_AWAY') throw error;
  }
}
