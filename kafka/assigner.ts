/** What a member tells the others when it joins, for whoever hands out the tasks (J5b). */
export interface MemberDescription {
  /** State-schema version of each actor in its code. */
  readonly versions: Readonly<Record<string, number>>;
  /** Tasks it owns, and the generation it got them in. */
  readonly owned: readonly number[];
  readonly generation: number;
  /** Journal offset that its local store has reached, by task. */
  readonly warm: Readonly<Record<number, number>>;
}

export interface GroupMember {
  readonly id: string;
  readonly description: MemberDescription;
}

export const NOTHING_TOLD: MemberDescription = {
  versions: {},
  owned: [],
  generation: -1,
  warm: {},
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
 * Hands out the tasks: to members at least as new as the task's owner, whose code has written its journal; balanced
 * as far as that allows; a task stays where it is, else it goes where the local store is warmest.
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
    give(owner, partition);
    return false;
  });
  for (const partition of moving) {
    const able = sorted.filter((member) => isAsNewAs(member, owners.get(partition) ?? null));
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

function isAsNewAs({ description }: GroupMember, owner: GroupMember | null): boolean {
  const needed = Object.entries(owner?.description.versions ?? {});
  // An actor that the member does not have any more needs no version of it.
  return needed.every(([actor, version]) => (description.versions[actor] ?? version) >= version);
}

function warmth({ description }: GroupMember, partition: number): number {
  return description.warm[partition] ?? -1;
}
