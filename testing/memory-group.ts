import { assignStandbys, assignTasks, NOTHING_TOLD } from '../kafka/assigner.ts';
import type { FetchPosition, GroupMembership, GroupOptions } from '../kafka/client.ts';

interface Member {
  readonly options: GroupOptions;
  readonly id: string;
  calls: Promise<void>;
}

/** Hands partitions out to members as a broker's group does with our assigner; every change is told to all. */
export class MemoryGroup {
  readonly #partitions: () => number;
  readonly #committed = new Map<string, FetchPosition>();
  #members: Member[] = [];
  #generation = 0;

  constructor(partitions: () => number) {
    this.#partitions = partitions;
  }

  get offsets(): readonly FetchPosition[] {
    return [...this.#committed.values()];
  }

  join(options: GroupOptions): GroupMembership {
    const { instanceId } = options;
    const older = this.#members.find((member) => member.options.instanceId === instanceId);
    this.#members = this.#members.filter((member) => member !== older);
    older?.options.onFenced(new Error(`FENCED_INSTANCE_ID: ${instanceId} joined again.`));
    const id = `${instanceId}-${this.#generation + 1}`;
    const member: Member = { options, id, calls: Promise.resolve() };
    this.#members.push(member);
    this.#rebalance();
    const isMember = (): boolean => this.#members.includes(member);
    return {
      get joined() {
        return isMember();
      },
      get heartbeatAgeMs() {
        return isMember() ? 0 : Number.POSITIVE_INFINITY;
      },
      commit: (offsets) => {
        if (!isMember()) return Promise.resolve(new Error('not a member of the group'));
        for (const each of offsets) this.#committed.set(`${each.topic}/${each.partition}`, each);
        return Promise.resolve(null);
      },
      close: async () => {
        if (isMember()) {
          this.#members = this.#members.filter((other) => other !== member);
          this.#rebalance();
        }
        await member.calls;
      },
    };
  }

  #rebalance(): void {
    this.#generation += 1;
    const generation = this.#generation;
    const told = this.#members.map(({ id, options }) => ({
      id,
      description: options.describe?.() ?? NOTHING_TOLD,
    }));
    const assigned = assignTasks(told, this.#partitions());
    const followed = assignStandbys(told, assigned);
    this.#members.forEach((member) => {
      const partitions = assigned.get(member.id) ?? [];
      const standbys = followed.get(member.id) ?? [];
      const assignment = { partitions, standbys, generation, memberId: member.id };
      member.calls = member.calls.then(() => member.options.onAssigned(assignment));
    });
  }
}
