import { HEADER } from '../../engine/event.ts';
import type { FetchPosition, KafkaClient, PartitionReader } from '../../kafka/client.ts';

const MAX_WAIT_MS = 100;
/** What is waited for unless it is said. */
const PLANNED = 'plan.created';

/**
 * Reads one topic from its end on, with a client of the benchmark's own, and notes when the event of one type of each
 * correlation was there. It reads nothing else, so that nothing else stands before what is timed.
 */
export class TopicTail {
  readonly #readAt = new Map<string, number>();
  readonly #reader: PartitionReader;
  readonly #type: string;
  readonly #life: Promise<void>;
  #failure: Error | null = null;
  #ended = false;

  private constructor(kafka: KafkaClient, positions: readonly FetchPosition[], type: string) {
    this.#type = type;
    this.#reader = kafka.reader();
    this.#life = this.#read(positions).catch((error: Error) => {
      this.#failure = error;
    });
  }

  static async open(kafka: KafkaClient, topic: string, type = PLANNED): Promise<TopicTail> {
    return new TopicTail(kafka, await endsOf(kafka, [topic]), type);
  }

  /**
   * When this process had read that event of a correlation, first: performance.now(); undefined: not yet.
   *
   * Throws: what ended the reading.
   */
  readAt(correlationId: string): number | undefined {
    if (this.#failure !== null) throw this.#failure;
    return this.#readAt.get(correlationId);
  }

  async close(): Promise<void> {
    this.#ended = true;
    await this.#life;
    await this.#reader.close();
  }

  async #read(from: readonly FetchPosition[]): Promise<void> {
    const positions = [...from];
    while (!this.#ended) {
      const answer = await this.#reader.fetch(positions, { maxWaitMs: MAX_WAIT_MS });
      const now = performance.now();
      for (const { topic, partition, nextOffset, error, records } of answer) {
        if (error !== null) throw new Error(`${topic}/${partition} cannot be read: ${error}`);
        positions[partition] = { topic, partition, offset: nextOffset };
        for (const { headers } of records) {
          const correlationId = headers[HEADER.correlationId] ?? '';
          if (headers[HEADER.eventType] !== this.#type || this.#readAt.has(correlationId)) continue;
          this.#readAt.set(correlationId, now);
        }
      }
    }
  }
}

/** Where the next record of each partition will stand; by partition within each topic. */
export async function endsOf(
  kafka: KafkaClient,
  topics: readonly string[],
): Promise<readonly FetchPosition[]> {
  const admin = kafka.admin();
  try {
    const found = await Promise.all(
      topics.map(async (topic) =>
        (await admin.offsets(topic)).map(({ end: offset }, partition) => ({
          topic,
          partition,
          offset,
        })),
      ),
    );
    return found.flat();
  } finally {
    await admin.close();
  }
}
