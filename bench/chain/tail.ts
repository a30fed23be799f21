import { Consumer, stringDeserializers } from '@platformatic/kafka';
import { inputOf } from './work.ts';

/** Kafka's isolation level that hides what is not committed: the same for every system, as their users would read. */
const READ_COMMITTED = 1;
const MAX_WAIT_MS = 100;

/** Reads the last topic of a system from its start on, and notes when the output of each input was there first. */
export class ChainTail {
  readonly #readAt: (number | undefined)[] = [];
  readonly #arrivals: number[] = [];
  readonly #close: () => Promise<void>;

  private constructor(close: () => Promise<void>) {
    this.#close = close;
  }

  /** `topic`: physical. */
  static async open(brokers: readonly string[], topic: string): Promise<ChainTail> {
    const { headerKey, headerValue } = stringDeserializers;
    const consumer = new Consumer<Buffer, Buffer, string, string>({
      clientId: 'bench',
      groupId: `${topic}.bench`,
      bootstrapBrokers: [...brokers],
      autocommit: false,
      deserializers: { headerKey, headerValue },
    });
    const stream = await consumer.consume({
      topics: [topic],
      mode: 'earliest',
      fallbackMode: 'fail',
      isolationLevel: READ_COMMITTED,
      maxWaitTime: MAX_WAIT_MS,
    });
    const tail = new ChainTail(async () => {
      await stream.close();
      await consumer.close(true);
    });
    stream.on('data', ({ headers }) =>
      tail.#note(inputOf({ traceparent: headers.get('traceparent') ?? '' })),
    );
    return tail;
  }

  /** Inputs whose last output was read. */
  get count(): number {
    return this.#arrivals.length;
  }

  /** performance.now() when the last output of an input was first in hand; undefined: not yet. */
  readAt(input: number): number | undefined {
    return this.#readAt[input];
  }

  /** performance.now() when so many inputs had come out. */
  reachedAt(count: number): number {
    return this.#arrivals[count - 1] ?? Number.NaN;
  }

  /** When something was last read for the first time; 0: never. */
  get lastAt(): number {
    return this.#arrivals.at(-1) ?? 0;
  }

  close(): Promise<void> {
    return this.#close();
  }

  #note(input: number): void {
    if (!(input >= 0) || this.#readAt[input] !== undefined) return;
    const now = performance.now();
    this.#readAt[input] = now;
    this.#arrivals.push(now);
  }
}
