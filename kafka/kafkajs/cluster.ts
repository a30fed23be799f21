import { KafkaError, type KafkaClientOptions } from '../client.ts';
import { canRetry, nameOf } from '../error-table.ts';
import { type Address, Link } from './link.ts';
import { askMetadata, type Metadata, type TopicMetadata } from './messages.ts';

export const UNKNOWN_TOPIC = 'UNKNOWN_TOPIC_OR_PARTITION';

export type FoundTopic = TopicMetadata | KafkaError;

/**
 * What is known of a cluster, until an error makes it ask anew, and one connection to each broker.
 *
 * The library's own Cluster tries again by itself, looks topics up by the clock, and gives a topic no id.
 */
export class Cluster {
  readonly #options: KafkaClientOptions;
  readonly #links = new Map<string, Promise<Link>>();
  #brokers = new Map<number, Address>();
  #topics = new Map<string, FoundTopic>();
  #controller = -1;
  #turn = 0;
  #life = new AbortController();
  #closed = false;

  constructor(options: KafkaClientOptions) {
    this.#options = options;
  }

  get brokers(): readonly number[] {
    return [...this.#brokers.keys()];
  }

  /** Forgets what may be of yesterday; connections that answer stay. */
  forget(): void {
    this.#topics.clear();
  }

  /** True when every topic can be looked up without asking. */
  areKnown(topics: readonly string[]): boolean {
    return topics.every((topic) => this.#topics.has(topic));
  }

  /** What the cluster says of each topic, from memory where it was asked before. Throws: the library's errors. */
  async find(
    topics: readonly string[],
    how: { readonly afresh?: boolean } = {},
  ): Promise<ReadonlyMap<string, FoundTopic>> {
    if (how.afresh === true || !this.areKnown(topics)) await this.#learn(topics);
    return new Map(topics.map((topic) => [topic, this.#topics.get(topic) ?? unknownTopic(topic)]));
  }

  /** All topics. Throws: the library's errors. */
  async all(): Promise<readonly TopicMetadata[]> {
    return (await this.#learn(null)).topics;
  }

  /** Asks whether anybody is there. Throws: the library's errors. */
  async ping(): Promise<void> {
    await this.#learn([]);
  }

  /** Where a broker is; undefined: nobody has said so. */
  addressOf(broker: number): Address | undefined {
    return this.#brokers.get(broker);
  }

  /** Throws: the library's errors when it cannot be reached, KafkaError when there is no such broker. */
  async to(broker: number): Promise<Link> {
    const address = this.#brokers.get(broker);
    if (address !== undefined) return this.at(address);
    throw new KafkaError('LEADER_NOT_AVAILABLE', true, `No broker ${broker} is known now.`);
  }

  /** The broker that makes and deletes topics. */
  async controller(): Promise<Link> {
    if (!this.#brokers.has(this.#controller)) await this.#learn([]);
    return this.to(this.#controller);
  }

  async at(address: Address): Promise<Link> {
    if (this.#closed)
      throw new KafkaError('CLOSED', false, 'The client was closed; make another one.');
    const key = `${address.host}:${address.port}`;
    const known = this.#links.get(key);
    const link = await known?.catch(() => undefined);
    if (link?.isOpen === true) return link;
    // Another call may have opened it meanwhile.
    if (this.#links.get(key) === known) this.#links.set(key, this.#open(address));
    return this.#links.get(key) as Promise<Link>;
  }

  /** A connection that nobody else uses; the caller ends it. */
  async alone(address: Address): Promise<Link> {
    return this.#open(address);
  }

  /** Ends all connections, those being made too; the next call makes new ones. What waits on them fails. */
  cut(): Promise<unknown> {
    const links = [...this.#links.values()];
    this.#links.clear();
    this.#life.abort();
    this.#life = new AbortController();
    return Promise.all(links.map((each) => each.then((link) => link.cut()).catch(() => {})));
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.cut();
  }

  async #open(address: Address): Promise<Link> {
    const link = await Link.open(address, this.#options, this.#life.signal);
    if (!this.#closed) return link;
    link.cut();
    throw new KafkaError('CLOSED', false, 'The client was closed; make another one.');
  }

  async #learn(topics: readonly string[] | null): Promise<Metadata> {
    const metadata = await askMetadata(await this.anyone(), topics);
    this.#brokers = new Map(metadata.brokers.map(({ id, host, port }) => [id, { host, port }]));
    this.#controller = metadata.controller;
    for (const topic of topics ?? []) this.#topics.delete(topic);
    for (const topic of metadata.topics) {
      const { name, errorCode } = topic;
      if (errorCode === 0) this.#topics.set(name, topic);
      else if (nameOf(errorCode) !== UNKNOWN_TOPIC) this.#topics.set(name, failed(topic));
    }
    return metadata;
  }

  /** A broker that answers: one connected already, else whichever comes first in the list of those there are. */
  async anyone(): Promise<Link> {
    for (const opening of this.#links.values()) {
      const link = await opening.catch(() => undefined);
      if (link?.isOpen === true) return link;
    }
    const first = this.#options.brokers.map(addressIn);
    const all = [...first, ...this.#brokers.values()];
    let lost: unknown;
    for (let tried = 0; tried < all.length; tried++)
      try {
        return await this.at(all[this.#turn++ % all.length] as Address);
      } catch (error) {
        lost = error;
      }
    throw lost;
  }
}

function addressIn(broker: string): Address {
  const colon = broker.lastIndexOf(':');
  const host = broker.slice(0, colon).replace(/^\[|\]$/g, '');
  return { host, port: Number(broker.slice(colon + 1)) };
}

function unknownTopic(topic: string): KafkaError {
  const message = `There is no topic ${topic}. Create it: 'millrace topology apply'.`;
  return new KafkaError(UNKNOWN_TOPIC, true, message);
}

function failed({ name, errorCode }: TopicMetadata): KafkaError {
  const code = nameOf(errorCode);
  return new KafkaError(code, canRetry(code), `Looking up ${name} failed: ${code}.`);
}
