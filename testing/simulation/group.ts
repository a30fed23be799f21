import type { FetchPosition, GroupAssignment } from '../../kafka/client.ts';
import type { World } from './world.ts';

interface Member {
  readonly id: string;
  readonly instanceId: string;
  partitions: number[];
  expiry: { cancel(): void };
  readonly sessionTimeoutMs: number;
}

/** Answers of the coordinator that are no assignment. */
export type GroupRefusal = 'FENCED_INSTANCE_ID' | 'UNKNOWN_MEMBER_ID' | 'ILLEGAL_GENERATION';

/**
 * The coordinator of one group, on the broker's side. A change is in force at once, and members hear of it with
 * their next heartbeat: two may believe that they own a partition, as under a real one whose member is deaf.
 */
export class SimulatedGroup {
  readonly #world: World;
  readonly #partitions: () => number;
  readonly #committed = new Map<string, FetchPosition>();
  #members: Member[] = [];
  /** Instance id → the member id that holds it. */
  readonly #instances = new Map<string, string>();
  #generation = 0;
  #joins = 0;

  constructor(world: World, partitions: () => number) {
    this.#world = world;
    this.#partitions = partitions;
  }

  get offsets(): readonly FetchPosition[] {
    return [...this.#committed.values()];
  }

  get size(): number {
    return this.#members.length;
  }

  /** A static member that comes back takes its own place; the one that held it is fenced. */
  join(instanceId: string, sessionTimeoutMs: number): GroupAssignment {
    const id = `${instanceId}-${++this.#joins}`;
    const older = this.#members.find((member) => member.instanceId === instanceId);
    older?.expiry.cancel();
    const member: Member = {
      id,
      instanceId,
      sessionTimeoutMs,
      partitions: older?.partitions ?? [],
      expiry: { cancel: () => {} },
    };
    this.#instances.set(instanceId, id);
    if (older === undefined) this.#members.push(member);
    else this.#members = this.#members.map((each) => (each === older ? member : each));
    this.#expectHeartbeat(member);
    if (older === undefined) this.#rebalance();
    return this.#assignmentOf(member);
  }

  heartbeat(instanceId: string, id: string): GroupAssignment | GroupRefusal {
    const refusal = this.#refusal(instanceId, id);
    if (refusal !== null) return refusal;
    const member = this.#find(id) as Member;
    member.expiry.cancel();
    this.#expectHeartbeat(member);
    return this.#assignmentOf(member);
  }

  commit(
    instanceId: string,
    id: string,
    generation: number,
    offsets: readonly FetchPosition[],
  ): GroupRefusal | null {
    const refusal = this.#refusal(instanceId, id);
    if (refusal !== null) return refusal;
    if (generation !== this.#generation) return 'ILLEGAL_GENERATION';
    for (const each of offsets) this.#committed.set(`${each.topic}/${each.partition}`, each);
    return null;
  }

  leave(id: string): void {
    const member = this.#find(id);
    if (member !== undefined) this.#remove(member, 'left');
  }

  #refusal(instanceId: string, id: string): GroupRefusal | null {
    if (this.#find(id) !== undefined) return null;
    const holder = this.#instances.get(instanceId);
    return holder !== undefined && holder !== id ? 'FENCED_INSTANCE_ID' : 'UNKNOWN_MEMBER_ID';
  }

  #find(id: string): Member | undefined {
    return this.#members.find((member) => member.id === id);
  }

  #assignmentOf({ id, partitions }: Member): GroupAssignment {
    return { partitions: [...partitions], generation: this.#generation, memberId: id };
  }

  #expectHeartbeat(member: Member): void {
    member.expiry = this.#world.after(member.sessionTimeoutMs, null, () =>
      this.#remove(member, 'session timed out'),
    );
  }

  #remove(member: Member, why: string): void {
    member.expiry.cancel();
    this.#world.note('group', `${member.id} ${why}`);
    this.#members = this.#members.filter((each) => each !== member);
    if (this.#instances.get(member.instanceId) === member.id)
      this.#instances.delete(member.instanceId);
    this.#rebalance();
  }

  /** Everyone keeps what it has, up to its share. */
  #rebalance(): void {
    this.#generation += 1;
    const count = this.#partitions();
    const most = Math.ceil(count / Math.max(1, this.#members.length));
    const free = new Set(Array.from({ length: count }, (_, partition) => partition));
    for (const member of this.#members) {
      member.partitions = member.partitions.slice(0, most);
      for (const partition of member.partitions) free.delete(partition);
    }
    for (const partition of free) {
      const [least] = [...this.#members].sort(
        (left, right) => left.partitions.length - right.partitions.length,
      );
      least?.partitions.push(partition);
    }
  }
}
