import type { KafkaClient } from '../../kafka/client.ts';
import { type FaultProxy, startFaultProxy } from '../../testing/fault-proxy.ts';
import { eventually } from './eventually.ts';

/** A record that is sent to a topic, and what is done before the broker has it or once it has. */
export interface ProducePoint {
  /** Physical name. */
  readonly topic: string;
  readonly when: 'before' | 'after';
  /** Asked of each request to the topic: whether it is this one. */
  isDue(): boolean;
  /** Its sender never gets an acknowledgement. */
  act(): Promise<void>;
  /** Sees what the broker has, not through the trap. */
  readonly kafka: KafkaClient;
}

/** Stands in front of the broker: passes everything on, and springs one trap. */
export class ProduceTrap {
  readonly #proxy: FaultProxy;

  private constructor(proxy: FaultProxy) {
    this.#proxy = proxy;
  }

  /** In front of the broker of the test run. */
  static async start(): Promise<ProduceTrap> {
    const [broker = ''] = (process.env['KAFKA_BROKERS'] ?? '').split(',');
    return new ProduceTrap(await startFaultProxy({ broker }));
  }

  get address(): string {
    return this.#proxy.address;
  }

  /** Resolves when it is set; `done` when it has sprung and `act` is over. */
  async arm({ topic, when, isDue, act, kafka }: ProducePoint): Promise<{ done: Promise<void> }> {
    const admin = kafka.admin();
    const written = async (): Promise<number> =>
      (await admin.offsets(topic)).reduce((sum, { end }) => sum + end, 0);
    const before = await written();
    let last = before;
    // Who sends has no answer, so it sends nothing more: what has come to rest holds all that was sent.
    const settled = async (): Promise<boolean> => {
      const now = await written();
      const isAtRest = now === last && now > before;
      last = now;
      return isAtRest;
    };
    const sprung = Promise.withResolvers<void>();
    let isSprung = false;
    this.#proxy.onProduce(({ partitions }) => {
      const isForTopic = partitions.some((each) => each.topic === topic);
      if (!isForTopic || (!isSprung && !isDue())) return 'pass';
      if (isSprung) return 'swallow';
      isSprung = true;
      sprung.resolve();
      return when === 'before' ? 'swallow' : 'mute';
    });
    const finish = async (): Promise<void> => {
      await sprung.promise;
      if (when === 'after') await eventually('the broker has it', settled);
      await act();
      this.#proxy.onProduce(() => 'pass');
      await admin.close();
    };
    return { done: finish() };
  }

  async stop(): Promise<void> {
    await this.#proxy.close();
  }
}
