import type { PlainProducer } from './client.ts';
import { SHELL_LIMITS } from './limits.ts';

/**
 * Producers for the tasks of a process, one for each `tasksPerProducer` of them, made when first asked for. A request that
 * times out takes its connection along, and with it the term of every task that appends over it (F25).
 */
export class ProducerPool {
  readonly #make: () => PlainProducer;
  readonly #made = new Map<number, PlainProducer>();

  constructor(make: () => PlainProducer) {
    this.#make = make;
  }

  /** The same one for the same task. */
  of(partition: number): PlainProducer {
    const group = Math.floor(partition / SHELL_LIMITS.tasksPerProducer);
    const made = this.#made.get(group) ?? this.#make();
    this.#made.set(group, made);
    return made;
  }

  async close(): Promise<void> {
    await Promise.all([...this.#made.values()].map((producer) => producer.close()));
  }
}
