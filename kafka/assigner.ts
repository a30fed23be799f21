import type { VersionsByTask } from './journal-versions.ts';

/** What a member tells the others when it joins, for whoever hands out the tasks (J5b). */
export interface MemberDescription {
  /** State-schema version of each actor in its code. */
  readonly versions: Readonly<Record<string, number>>;
  /** State-schema versions above 1 in the journals that it has read: also of tasks that it has no more, or cannot read. */
  readonly journals: VersionsByTask;
  /** Tasks it owns, and the generation it got them in. */
  readonly owned: readonly number[];
  readonly generation: number;
  /** Journal offset that its local store has reached, by task. */
  readonly warm: Readonly<Record<number, number>>;
  /** How many followers it wants each task to have, and that it can be one itself; 0: neither. */
  readonly standbys: number;
  /** Tasks of others whose journals it follows. */
  readonly follows: readonly number[];
}

export interface GroupMember {
  readonly id: string;
  readonly description: MemberDescription;
}

export const NOTHING_TOLD: MemberDescription = {
  versions: {},
  journals: {},
  owned: [],
  generation: -1,
  warm: {},
  standbys: 0,
  follows: [],
};

export function encodeDescription(description: MemberDescription): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(description));
}

/** What a member told; a member of another kind told nothing. */
export function decodeDescription(bytes: Uint8Array | null | undefined): MemberDescription {
  try {
    const told = JSON.parse(new TextDecoder().decode(bytes ?? new Uint8Array())) as unknown;
    return { ...NOTHING_TOLD, ...(told as Partial<MemberDescription>) };
  } catch {
    return NOTHING_TOLD;
  }
}

/**
 * Hands out the tasks: to members at least as new as the task's owner and as what anybody has found in its journal;
 * balanced as far as that allows; a task stays where it is, else it goes where the local store is warmest. One that all
 * members are too old for goes to somebody all the same, and stops there by name.
 *
 * Returns the partitions of each member, by its id; every partition once. The same for the same members, in any
 * order. Source: J5b, F12.
 */
export function assignTasks(
  members: readonly GroupMember[],
  partitions: number,
): ReadonlyMap<string, readonly number[]> {
  const sorted = members.toSorted((left, right) => (left.id < right.id ? -1 : 1));
  const all = Array.from({ length: partitions }, (_, partition) => partition);
  const owners = new Map(all.map((partition) => [partition, ownerOf(sorted, partition)]));
  const needed = (partition: number): Versions =>
    neededFor(sorted, partition, owners.get(partition) ?? null);
  const assigned = new Map<string, number[]>(sorted.map(({ id }) => [id, []]));
  const least = Math.floor(partitions / members.length);
  let spare = partitions % members.length;
  const load = ({ id }: GroupMember): number => assigned.get(id)?.length ?? 0;
  const hasRoom = (member: GroupMember): boolean =>
    load(member) < least || (load(member) === least && spare > 0);
  const give = (member: GroupMember, partition: number): void => {
    if (load(member) === least) spare -= 1;
    assigned.get(member.id)?.push(partition);
  };
  const moving = all.filter((partition) => {
    const owner = owners.get(partition);
    if (!owner || !hasRoom(owner)) return true;
    if (!isAsNewAs(owner, needed(partition))) return true;
    give(owner, partition);
    return false;
  });
  // What somebody has at hand goes first, before what anybody may have takes the room.
  const most = (partition: number): number =>
    Math.max(...sorted.map((member) => warmth(member, partition)));
  for (const partition of moving.toSorted((left, right) => most(right) - most(left))) {
    const newEnough = sorted.filter((member) => isAsNewAs(member, needed(partition)));
    const able = newEnough.length > 0 ? newEnough : sorted;
    const roomy = able.filter(hasRoom);
    // Whoever is too old must not have it, so the balance gives way.
    const [best] = (roomy.length > 0 ? roomy : able).toSorted(
      (left, right) =>
        warmth(right, partition) - warmth(left, partition) || load(left) - load(right),
    );
    if (best !== undefined) give(best, partition);
  }
  return assigned;
}

/**
 * Hands out the followers of the tasks: to members that are not the owner and could be it, as many as the members
 * want; balanced; who follows a task goes on doing so, else the warmest store does.
 *
 * Returns the partitions of each member, by its id. The same for the same members, in any order. Source: J9a.
 */
export function assignStandbys(
  members: readonly GroupMember[],
  owned: ReadonlyMap<string, readonly number[]>,
): ReadonlyMap<string, readonly number[]> {
  const sorted = members.toSorted((left, right) => (left.id < right.id ? -1 : 1));
  const able = sorted.filter(({ description }) => description.standbys > 0);
  const wanted = Math.max(0, ...sorted.map(({ description }) => description.standbys));
  const followed = new Map<string, number[]>(sorted.map(({ id }) => [id, []]));
  const of = ({ id }: GroupMember): number[] => followed.get(id) ?? [];
  const tasks = sorted
    .flatMap((owner) => (owned.get(owner.id) ?? []).map((partition) => ({ owner, partition })))
    .toSorted((left, right) => left.partition - right.partition);
  const most = Math.ceil((wanted * tasks.length) / Math.max(1, able.length));
  const left = new Map(tasks.map(({ partition }) => [partition, wanted]));
  const mayFollow = (member: GroupMember, { owner, partition }: (typeof tasks)[number]): boolean =>
    member !== owner &&
    isAsNewAs(member, neededFor(sorted, partition, owner)) &&
    !of(member).includes(partition);
  const give = (member: GroupMember, partition: number): void => {
    of(member).push(partition);
    left.set(partition, (left.get(partition) ?? 0) - 1);
  };
  for (const task of tasks)
    for (const member of able) {
      const follows = member.description.follows.includes(task.partition);
      const hasRoom = of(member).length < most && (left.get(task.partition) ?? 0) > 0;
      if (follows && hasRoom && mayFollow(member, task)) give(member, task.partition);
    }
  for (const task of tasks)
    while ((left.get(task.partition) ?? 0) > 0) {
      const { partition } = task;
      const candidates = able.filter((member) => mayFollow(member, task));
      const roomy = candidates.filter((member) => of(member).length < most);
      const [best] = (roomy.length > 0 ? roomy : candidates).toSorted(
        (one, other) =>
          warmth(other, partition) - warmth(one, partition) || of(one).length - of(other).length,
      );
      if (best === undefined) break;
      give(best, partition);
    }
  return followed;
}

/**
 * What each member is told, by its id: topic → partitions. What it follows stands under a name that is no topic, so
 * that any client carries it.
 */
export function assignmentsOf(
  members: readonly GroupMember[],
  topic: string,
  partitions: number,
): ReadonlyMap<string, Readonly<Record<string, readonly number[]>>> {
  const owned = assignTasks(members, partitions);
  const followed = assignStandbys(members, owned);
  return new Map(
    [...owned].map(([id, own]) => {
      const standbys = followed.get(id) ?? [];
      return [id, { [topic]: own, ...(standbys.length > 0 && { [standbyOf(topic)]: standbys }) }];
    }),
  );
}

/** Under which name an assignment has what a member follows. */
export function standbyOf(topic: string): string {
  return `${topic}.standby`;
}

/** The member that owned it last; a claim of an older generation is a zombie's. */
function ownerOf(members: readonly GroupMember[], partition: number): GroupMember | null {
  return members
    .filter(({ description }) => description.owned.includes(partition))
    .reduce<GroupMember | null>(
      (last, each) =>
        last === null || each.description.generation > last.description.generation ? each : last,
      null,
    );
}

type Versions = ReadonlyMap<string, number>;

/** What whoever gets a task has to be able to read: the owner's code writes its journal, and others have read it. */
function neededFor(
  members: readonly GroupMember[],
  partition: number,
  owner: GroupMember | null,
): Versions {
  const found = members.map(({ description }) => description.journals[partition] ?? {});
  const needed = new Map<string, number>();
  for (const versions of [owner?.description.versions ?? {}, ...found])
    for (const [actor, version] of Object.entries(versions))
      needed.set(actor, Math.max(version, needed.get(actor) ?? 0));
  return needed;
}

function isAsNewAs({ description }: GroupMember, needed: Versions): boolean {
  // An actor that the member does not have any more needs no version of it.
  return [...needed].every(
    ([actor, version]) => (description.versions[actor] ?? version) >= version,
  );
}

function warmth({ description }: GroupMember, partition: number): number {
  return description.warm[partition] ?? -1;
}
