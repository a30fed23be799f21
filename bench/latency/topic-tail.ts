import { HEADER } from '../../engine/event.ts';
import type { FetchPosition, KafkaClient } from '../../kafka/client.ts';

export interface SeenEvent {
  readonly type: string;
  readonly sequence: number;
  /** performance.now() when this process had read it. */
  readonly readAt: number;
  readonly place: string;
}

const MAX_WAIT_MS = 100;

/** Reads topics from their ends on, with a client of the benchmark's own, and notes when each event arrived. */
export class TopicTail {
  readonly #events = new Map<string, SeenEvent[]>();
  readonly #life: Promise<void>;
  #ended = false;

  private constructor(kafka: KafkaClient, positions: FetchPosition[]) {
    this.#life = this.#read(kafka, positions);
  }

  static async open(kafka: KafkaClient, topics: readonly string[]): Promise<TopicTail> {
    const admin = kafka.admin();
    const positions = await Promise.all(
      topics.map(async (topic) =>
        (await admin.offsets(topic)).map(({ end }, partition) => ({
          topic,
          partition,
          offset: end,
        })),
      ),
    );
    await admin.close();
    return new TopicTail(kafka, positions.flat());
  }

  /** Events of a correlation, in the order in which they were read. */
  of(correlationId: string): readonly SeenEvent[] {
    return this.#events.get(correlationId) ?? [];
  }

  async close(): Promise<void> {
    this.#ended = true;
    await this.#life;
  }

  async #read(kafka: KafkaClient, positions: FetchPosition[]): Promise<void> {
    const reader = kafka.reader();
    const next = new Map(positions.map((each) => [`${each.topic}/${each.partition}`, each]));
    while (!this.#ended) {
      for (const fetched of await reader.fetch([...next.values()], { maxWaitMs: MAX_WAIT_MS })) {
        const readAt = performance.now();
        const { topic, partition, nextOffset, error } = fetched;
        if (error !== null) throw new Error(`${topic}/${partition}: ${error}`);
        next.set(`${topic}/${partition}`, { topic, partition, offset: nextOffset });
        for (const { headers, offset } of fetched.records) {
          const key = headers[HEADER.correlationId] ?? '';
          const seen = this.#events.get(key) ?? [];
          const type = headers[HEADER.eventType] ?? '';
          const sequence = Number(headers[HEADER.sequence]);
          seen.push({ type, sequence, readAt, place: `${topic}/${partition}/${offset}` });
          this.#events.set(key, seen);
        }
      }
    }
    await reader.close();
  }
}
