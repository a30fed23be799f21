import type { ApplicationOptions } from './application-runner.ts';
import type { KafkaAdmin, PartitionReader } from './client.ts';
import { SourceFetcher } from './source-fetcher.ts';
import { Standby } from './standby.ts';

type Surroundings = Pick<
  ApplicationOptions,
  'topology' | 'codec' | 'names' | 'openStore' | 'observer' | 'log'
> & { readonly admin: KafkaAdmin };

/** The followers of an application in this process, by the task whose journal they follow. */
export class Standbys {
  readonly #in: Surroundings;
  readonly #newReader: () => PartitionReader;
  readonly #all = new Map<number, Standby>();
  /** Made when there is something to follow: most processes have nothing. */
  #fetcher: SourceFetcher | null = null;

  constructor(surroundings: Surroundings, newReader: () => PartitionReader) {
    this.#in = surroundings;
    this.#newReader = newReader;
  }

  get partitions(): readonly number[] {
    return [...this.#all.keys()];
  }

  /** Ends the others; when it resolves, their stores are closed. */
  async keepOnly(partitions: readonly number[]): Promise<void> {
    const others = [...this.#all.values()].filter(
      ({ partition }) => !partitions.includes(partition),
    );
    for (const { partition } of others) this.#all.delete(partition);
    await Promise.all(others.map((standby) => standby.stop()));
  }

  /** Follows these too. Order: when the tasks that this process has lost have closed their stores. */
  follow(partitions: readonly number[]): void {
    const { openStore, log, topology } = this.#in;
    if (openStore === undefined) return;
    this.#fetcher ??= partitions.length > 0 ? new SourceFetcher(this.#newReader(), log) : null;
    for (const partition of partitions) {
      if (this.#all.has(partition) || this.#fetcher === null) continue;
      const standby = new Standby({ ...this.#in, openStore, fetcher: this.#fetcher }, partition);
      this.#all.set(partition, standby);
      log.info({ application: topology.application, partition }, 'following its journal');
    }
  }

  /** Ends all of them. */
  async stop(): Promise<void> {
    await this.keepOnly([]);
    await this.#fetcher?.stop();
  }
}
