import { assignStandbys, assignTasks, NOTHING_TOLD } from '../kafka/assigner.ts';
import type {
  FetchPosition,
  GroupAssignment,
  GroupMembership,
  GroupOptions,
} from '../kafka/client.ts';

interface Member {
  readonly options: GroupOptions;
  readonly id: string;
  /** Null: not assigned yet. */
  assignment: GroupAssignment | null;
  /** What it is told, one after the other. */
  calls: Promise<void>;
  /** Ends the place of a member that is away and stays; null: it is here. */
  lease: NodeJS.Timeout | null;
}

/** How long a member waits for the topic that it is to share. */
const TOPIC_LOOK_MS = 20;

/**
 * One group, as a broker with our assigner has it: every change is told to all, what is taken before what is given; a static
 * member takes its own place again, and nobody else hears of it.
 */
export class MemoryGroup {
  readonly #partitions: () => number | null;
  readonly #committed = new Map<string, FetchPosition>();
  #members: Member[] = [];
  #generation = 0;
  #joins = 0;
  #revoking = 0;

  /** `partitions`: of the group's topic; null: there is none yet. */
  constructor(partitions: () => number | null) {
    this.#partitions = partitions;
  }

  get offsets(): readonly FetchPosition[] {
    return [...this.#committed.values()];
  }

  /** As a broker calls it. */
  get state(): 'EMPTY' | 'PREPARING_REBALANCE' | 'STABLE' {
    if (this.#members.length === 0) return 'EMPTY';
    return this.#revoking > 0 ? 'PREPARING_REBALANCE' : 'STABLE';
  }

  join(options: GroupOptions): GroupMembership {
    const id = `${options.instanceId}-${++this.#joins}`;
    const member: Member = {
      ...{ options, id, assignment: null, lease: null },
      calls: Promise.resolve(),
    };
    let isClosed = false;
    const enter = (): void => {
      if (isClosed) return;
      if (this.#partitions() === null) setTimeout(enter, TOPIC_LOOK_MS);
      else this.#enter(member);
    };
    setImmediate(enter);
    const isJoined = (): boolean =>
      !isClosed && this.#members.includes(member) && member.assignment !== null;
    return {
      get joined() {
        return isJoined();
      },
      get heartbeatAgeMs() {
        return isJoined() ? 0 : Number.POSITIVE_INFINITY;
      },
      commit: async (offsets) => {
        if (!isJoined()) return new Error('not a member of the group');
        for (const { topic, partition, offset } of offsets)
          this.#committed.set(`${topic}/${partition}`, { topic, partition, offset });
        return null;
      },
      close: async (how) => {
        isClosed = true;
        this.#exit(member, how);
        await member.calls;
      },
    };
  }

  #enter(member: Member): void {
    const { instanceId } = member.options;
    const older = this.#members.find(({ options }) => options.instanceId === instanceId);
    if (older === undefined) {
      this.#members.push(member);
      this.#rebalance();
      return;
    }
    this.#members = this.#members.map((each) => (each === older ? member : each));
    if (older.lease === null)
      older.options.onFenced(new Error(`FENCED_INSTANCE_ID: ${instanceId} joined again.`));
    else clearTimeout(older.lease);
    if (older.assignment !== null) this.#assign(member, older.assignment);
  }

  #exit(member: Member, how: 'leave' | 'stay'): void {
    if (!this.#members.includes(member)) return;
    if (how === 'leave') return this.#remove(member);
    member.lease ??= setTimeout(() => this.#remove(member), member.options.sessionTimeoutMs);
    member.lease.unref?.();
  }

  #remove(member: Member): void {
    if (member.lease !== null) clearTimeout(member.lease);
    if (!this.#members.includes(member)) return;
    this.#members = this.#members.filter((other) => other !== member);
    this.#rebalance();
  }

  #rebalance(): void {
    this.#generation += 1;
    const generation = this.#generation;
    const told = this.#members.map(({ id, options }) => ({
      id,
      description: options.describe?.() ?? NOTHING_TOLD,
    }));
    const assigned = assignTasks(told, this.#partitions() ?? 0);
    const followed = assignStandbys(told, assigned);
    for (const member of this.#members) {
      const partitions = assigned.get(member.id) ?? [];
      const standbys = followed.get(member.id) ?? [];
      if (member.assignment !== null) this.#revoke(member);
      this.#assign(member, { partitions, standbys, generation, memberId: member.id });
    }
  }

  #revoke(member: Member): void {
    this.#tell(member, async () => {
      this.#revoking += 1;
      await member.options.onRevoked();
      this.#revoking -= 1;
    });
  }

  #assign(member: Member, assignment: GroupAssignment): void {
    const own = { ...assignment, memberId: member.id };
    member.assignment = own;
    this.#tell(member, () => member.options.onAssigned(own));
  }

  /** Nobody hears anything who is away. */
  #tell(member: Member, what: () => Promise<void>): void {
    member.calls = member.calls.then(() => (member.lease === null ? what() : undefined));
  }
}
