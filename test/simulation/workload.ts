import { eventHeaders } from '../../avro/index.ts';
import type { Codec } from '../../engine/codec.ts';
import { redriveHeaders } from '../../cli/dlq/redrive-plan.ts';
import { COMMAND_RECORD, type Command } from '../../engine/command.ts';
import { HEADER, type Headers } from '../../engine/event.ts';
import type { Topology } from '../../engine/topology.ts';
import type { RecordToSend } from '../../kafka/client.ts';
import type { Blocked } from './blocked-model.ts';
import { partitionOf } from '../../kafka/partitioner.ts';
import type { SimulatedBroker } from '../../testing/simulation/broker.ts';
import type { World } from '../../testing/simulation/world.ts';
import { firstEvent } from '../support/test-application.ts';

export interface WorkloadOptions {
  readonly world: World;
  readonly broker: SimulatedBroker;
  readonly topology: Topology;
  readonly codec: Codec;
  readonly partitions: number;
  /** Blocked queues, by `actor|key`. */
  readonly parked: () => readonly (readonly [string, Blocked])[];
}

const KEYS = ['ann', 'bob', 'cid', 'dan', 'eve'];
const PLAIN = Array.from({ length: 24 }, () => '');
const OTHERS = ['throw', 'moody', 'dead', 'quiet', 'tell:bob', 'tell:cid', 'tell:ann'];
const TIMERS = ['timer:0', 'timer:30', 'timer:700', 'timer:2500', 'cancel'];
const WISHES = [...PLAIN, ...OTHERS, ...TIMERS, 'effect', 'effect', 'effect', 'effect'];

/** What foreign producers put on the ledger's topics, and what they do wrong. */
export class Workload {
  readonly #in: WorkloadOptions;
  #inputs = 0;
  #commands = 0;
  #isOver = false;
  /** Origins of letters that were seen. */
  readonly #letters = new Set<string>();
  /** Records that the SDK has numbered so far, by topic partition. */
  readonly #sequences = new Map<string, number>();

  constructor(options: WorkloadOptions) {
    this.#in = options;
  }

  /** Produces a few records now and then, until `untilMs`. */
  start(untilMs: number): void {
    const { random } = this.#in.world;
    this.#isOver = this.#in.world.nowMs > untilMs;
    if (this.#isOver) return;
    if (random.chance(0.2)) this.#command();
    // Close together: batches and publishes have to overlap.
    for (let count = random.between(1, 5); count > 0; count--)
      this.#in.world.after(random.between(0, 12), null, () => this.#produceOne());
    this.#in.world.after(random.between(20, 800), null, () => this.start(untilMs));
  }

  /** Sends dead letters back, some of them twice, as an operator would. */
  sees(topic: string, partition: number, records: readonly RecordToSend[], base: number): void {
    const { random } = this.#in.world;
    for (const [index, { key, value, headers }] of records.entries()) {
      const { [HEADER.origin]: origin = '', [HEADER.actor]: by } = headers;
      const isLetter = topic.startsWith('dlq.') && by !== undefined;
      if (!isLetter || this.#isOver || this.#letters.has(origin)) continue;
      this.#letters.add(origin);
      if (!random.chance(0.6)) continue;
      const id = `${topic}/${partition}/${base + index}`;
      const again = { partition, key, value, headers: redriveHeaders({ id }, headers) };
      for (let count = random.chance(0.3) ? 2 : 1; count > 0; count--)
        this.#in.world.after(random.between(1, 1_500), null, () => {
          void this.#in.broker.append([{ topic: this.#in.topology.redrive, ...again }]);
        });
    }
  }

  /** One addition for every key. */
  addForEach(name: string): void {
    for (const key of KEYS)
      this.#produce('ledger.add', key, `${name}-${key}`, { amount: 1, wish: '' });
  }

  #produceOne(): void {
    const { random } = this.#in.world;
    const id = `e${++this.#inputs}`;
    const key = random.pick(KEYS);
    const amount = random.between(1, 9);
    if (random.chance(0.08)) return this.#produce('ledger.factor', 'all', id, { amount });
    if (random.chance(0.03)) return this.#producePoison(key);
    const payload = { amount, wish: random.pick(WISHES) };
    if (random.chance(0.03)) return this.#produce('ledger.add', key, id, payload, { off: 1 });
    if (random.chance(0.25)) return this.#produceBySdk(key, id, payload);
    this.#produce('ledger.add', key, id, payload);
    // A producer that tries again: the same event, once more, sometimes much later.
    if (random.chance(0.15))
      this.#in.world.after(random.between(1, 2_000), null, () =>
        this.#produce('ledger.add', key, id, payload),
      );
  }

  /** An operator's word about what is blocked now; sometimes said twice, the second time too late. */
  #command(): void {
    const { world, parked } = this.#in;
    const blocked = parked();
    if (blocked.length === 0) return;
    const [name, { head }] = world.random.pick(blocked);
    const [actor = '', key = ''] = name.split('|');
    const drop = { act: 'drop', actor, key, event_id: head.eventId } as const;
    const say = world.random.chance(0.4)
      ? drop
      : { ...drop, act: 'release' as const, event_id: '' };
    this.#say(say);
    if (world.random.chance(0.4))
      world.after(world.random.between(1, 800), null, () => this.#say(say));
  }

  #say(command: Pick<Command, 'act' | 'actor' | 'key' | 'event_id'>): void {
    const { codec, topology, partitions, broker } = this.#in;
    const stamp = { id: `c${++this.#commands}`, issued_by: 'op', issued_at: 1 };
    const topic = topology.control;
    const value = codec.encode(topic, COMMAND_RECORD, { ...command, ...stamp });
    const key = Buffer.from(command.key);
    const partition = partitionOf(key, partitions);
    void broker.append([{ topic, partition, key, value, headers: {} }]);
  }

  /** An SDK numbers its records; what it sends again comes twice, or late behind others, with the same number. */
  #produceBySdk(key: string, id: string, payload: object): void {
    const { random } = this.#in.world;
    const partition = partitionOf(Buffer.from(key), this.#in.partitions);
    const sequence = (this.#sequences.get(`adds/${partition}`) ?? 0) + 1;
    this.#sequences.set(`adds/${partition}`, sequence);
    const sdk = { producer_id: 'sdk/1', producer_sequence: String(sequence) };
    const send = (): void => this.#produce('ledger.add', key, id, payload, { sdk });
    const isLate = random.chance(0.1);
    if (!isLate) send();
    if (isLate || random.chance(0.2)) this.#in.world.after(random.between(1, 1_500), null, send);
  }

  /** `off`: how many partitions beside its own; a producer with another partitioner. */
  #produce(
    type: string,
    key: string,
    id: string,
    payload: object,
    { off = 0, sdk = {} }: { readonly off?: number; readonly sdk?: Headers } = {},
  ): void {
    const { topology, codec, partitions, broker } = this.#in;
    const event = firstEvent(type, key, id, payload);
    const definition = topology.events.get(type);
    if (definition === undefined) throw new Error(`No event ${type}.`);
    const { topic, record } = definition;
    const value = codec.encode(topic, record, event);
    const headers = { ...eventHeaders(event.envelope), ...sdk };
    const bytes = Buffer.from(key);
    // Reference data is for every task.
    const all = Array.from({ length: partitions }, (_, partition) => partition);
    const own = (partitionOf(bytes, partitions) + off) % partitions;
    for (const partition of key === 'all' ? all : [own])
      void broker.append([{ topic, partition, key: bytes, value, headers }]);
  }

  /** Bytes that nothing can be made of. */
  #producePoison(key: string): void {
    const bytes = Buffer.from(key);
    const partition = partitionOf(bytes, this.#in.partitions);
    const value = new Uint8Array(0);
    void this.#in.broker.append([{ topic: 'adds', partition, key: bytes, value, headers: {} }]);
  }
}
