import {
  type FetchPosition,
  type KafkaAdmin,
  type PartitionReader,
  type RecordToSend,
  type SendResult,
} from '../../kafka/client.ts';
import { MemoryKafka } from '../memory-kafka.ts';
import type { MemoryLog } from '../memory-topic.ts';
import { SimulatedGroup } from './group.ts';
import type { World } from './world.ts';

/** Looks on from above: it sees what really happens, at the moment it happens. */
export interface BrokerWatcher {
  appended(topic: string, partition: number, records: readonly RecordToSend[], base: number): void;
  committed(groupId: string, offsets: readonly FetchPosition[]): void;
}

/** The one broker of a simulation. Calls take no time here; what lies between is the client's. */
export class SimulatedBroker {
  readonly #world: World;
  readonly #kafka = new MemoryKafka();
  readonly #producer = this.#kafka.producer();
  readonly #groups = new Map<string, SimulatedGroup>();
  readonly #watcher: BrokerWatcher;
  readonly admin: KafkaAdmin = this.#kafka.admin();
  readonly reader: PartitionReader = this.#kafka.reader();
  /** While true it answers nobody. */
  isAway = false;

  constructor(world: World, watcher: BrokerWatcher) {
    this.#world = world;
    this.#watcher = watcher;
  }

  /** Appends records of one partition. */
  async append(records: readonly RecordToSend[]): Promise<SendResult> {
    const [result] = await this.#producer.send(records);
    if (result === undefined) throw new Error('an append without records');
    const { topic, partition } = result;
    if (result.result === 'confirmed') {
      this.#world.note(
        'broker',
        `${topic}/${partition} +${records.length} at ${result.baseOffset}`,
      );
      this.#watcher.appended(topic, partition, records, result.baseOffset);
    } else this.#world.note('broker', `${topic}/${partition} ${result.code}`);
    return result;
  }

  log(topic: string, partition: number): MemoryLog {
    return this.#kafka.log(topic, partition);
  }

  group(groupId: string, topic: string): SimulatedGroup {
    let group = this.#groups.get(groupId);
    if (group === undefined) {
      group = new SimulatedGroup(this.#world, () => this.#kafka.partitionsOf(topic));
      this.#groups.set(groupId, group);
    }
    return group;
  }

  get groups(): readonly { readonly id: string; readonly state: string }[] {
    return [...this.#groups.keys()].map((id) => ({ id, state: 'STABLE' }));
  }

  groupOffsets(groupId: string): readonly FetchPosition[] {
    return this.#groups.get(groupId)?.offsets ?? [];
  }

  committed(groupId: string, offsets: readonly FetchPosition[]): void {
    this.#watcher.committed(groupId, offsets);
  }
}
