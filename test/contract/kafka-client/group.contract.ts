import { randomUUID } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { API, type FaultProxy } from '../../../testing/fault-proxy.ts';
import { type MemberDescription, NOTHING_TOLD } from '../../../kafka/assigner.ts';
import { eventually } from '../../support/eventually.ts';
import { record, type Rig, type Setup, timed } from './rig.ts';
import { evict } from './stranger.ts';

const ALL = [0, 1, 2, 3];
/** A place kept by a session of 10 s is free earlier only if somebody acts. */
const AT_ONCE_MS = 4_000;

async function aGroup(rig: Rig): Promise<{ readonly topic: string; readonly groupId: string }> {
  return { topic: await rig.topic(ALL.length), groupId: `contract-${randomUUID()}` };
}

/** Requests by which a member could take its place back. */
const joins = (proxy: FaultProxy): number => proxy.count(API.joinGroup);

export function groupAssignments({ withRig }: Setup): void {
  it(
    'J5b assigns all partitions of the one topic to its only member',
    withRig(async (rig) => {
      const group = await aGroup(rig);
      const member = rig.member(group);
      await member.has(ALL);
      const [assignment] = member.assignments;
      expect(assignment?.generation).toBeGreaterThan(0);
      expect(assignment?.memberId).not.toBe('');
      expect(member.assignments.length).toBe(1);
    }),
  );

  it(
    'J5b shares the partitions with a second member and takes them back at once when it leaves',
    withRig(async (rig) => {
      const group = await aGroup(rig);
      const first = rig.member(group);
      await first.has(ALL);
      const second = rig.member(group);
      await eventually('both have two', () =>
        [first, second].every(({ partitions }) => partitions.length === 2),
      );
      expect([...first.partitions, ...second.partitions].sort()).toEqual(ALL);
      expect(first.told).toEqual(['assigned', 'revoked', 'assigned']);
      await second.membership.close('leave');
      await first.has(ALL, AT_ONCE_MS);
      expect(second.membership.joined).toBe(false);
    }),
  );

  it(
    'J5a keeps the place of a member that stays, for the same instance id',
    withRig(async (rig) => {
      const group = await aGroup(rig);
      const instanceId = randomUUID();
      const other = rig.member(group);
      await other.has(ALL);
      const member = rig.member({ ...group, instanceId });
      await eventually('both have two', () =>
        [member, other].every(({ partitions }) => partitions.length === 2),
      );
      const [kept, told] = [member.partitions, other.told.length];
      await member.membership.close('stay');
      const again = rig.member({ ...group, instanceId });
      await again.has(kept, AT_ONCE_MS);
      // The other has noticed nothing.
      expect(other.told.length).toBe(told);
      expect(member.fences).toEqual([]);
    }),
  );

  it(
    'J5b tells one thing after the other, and revokes before it assigns anew',
    withRig(async (rig) => {
      const group = await aGroup(rig);
      const first = Promise.withResolvers<void>();
      const running: string[] = [];
      let most = 0;
      const during = async (what: string, until: Promise<void>): Promise<void> => {
        running.push(what);
        most = Math.max(most, running.length);
        await until;
        running.pop();
      };
      const member = rig.member({
        ...group,
        onAssigned: () => during('assigned', first.promise),
        onRevoked: () => during('revoked', new Promise((resolve) => setImmediate(resolve))),
      });
      await eventually('it is told of its first partitions', () => member.told.length === 1);
      const second = rig.member(group);
      await eventually('the second has its own', () => second.partitions.length === 2);
      expect(member.told).toEqual(['assigned']);
      first.resolve();
      await eventually('it hears of the rest', () => member.told.length === 3);
      expect(member.told).toEqual(['assigned', 'revoked', 'assigned']);
      expect(most).toBe(1);
    }),
  );

  it(
    'J4 commits positions that the group then has',
    withRig(async (rig) => {
      const group = await aGroup(rig);
      const { topic, groupId } = group;
      const source = await rig.topic(2);
      await rig.producer().send([record(source, 'x', { partition: 1 })]);
      const member = rig.member(group);
      expect(await member.membership.commit([])).toBeInstanceOf(Error);
      await member.has(ALL);
      const offsets = [
        { topic, partition: 2, offset: 17, leaderEpoch: 0 },
        { topic: source, partition: 1, offset: 1, leaderEpoch: 0 },
      ];
      expect(await member.membership.commit(offsets)).toBe(null);
      const committed = await rig.admin().groupOffsets(groupId);
      expect(
        Object.fromEntries(
          committed.map((each) => [`${each.topic}/${each.partition}`, each.offset]),
        ),
      ).toEqual({
        [`${topic}/2`]: 17,
        [`${source}/1`]: 1,
      });
      await member.membership.close('leave');
      expect(await member.membership.commit(offsets)).toBeInstanceOf(Error);
    }),
  );

  it(
    'J5b joins as soon as its topic is there',
    withRig(async (rig) => {
      const topic = `contract-${randomUUID()}`;
      const member = rig.member({ topic, groupId: topic });
      await rig.create(topic, 2);
      await member.has([0, 1]);
    }),
  );
}

export function groupFences({ withRig }: Setup): void {
  it(
    'F10 lets exactly the newer of two members of one instance id live',
    withRig(async (rig) => {
      const group = { ...(await aGroup(rig)), instanceId: randomUUID() };
      const [olderProxy, newerProxy] = [await rig.proxy(), await rig.proxy()];
      const older = rig.member(group, { proxy: olderProxy });
      await older.has(ALL);
      const joinsOfOlder = joins(olderProxy);
      const newer = rig.member(group, { proxy: newerProxy });
      await eventually('the older is fenced', () => older.fences.length === 1);
      const heartbeats = olderProxy.count(API.heartbeat);
      await newer.has(ALL);
      const soFar = newerProxy.count(API.heartbeat);
      await eventually('the newer goes on', () => newerProxy.count(API.heartbeat) > soFar + 5);
      expect(older.membership.joined).toBe(false);
      expect(olderProxy.count(API.heartbeat)).toBe(heartbeats);
      expect(joins(olderProxy)).toBe(joinsOfOlder);
      expect(older.fences.length).toBe(1);
      expect(older.fences[0]).toBeInstanceOf(Error);
      expect(newer.fences).toEqual([]);
      expect(newer.assignments.length).toBe(1);
      expect(newer.membership.heartbeatAgeMs).toBeLessThan(5_000);
    }),
  );

  it(
    'F10 lets the newer live when the older was silent as it came',
    withRig(async (rig) => {
      const group = { ...(await aGroup(rig)), instanceId: randomUUID() };
      const [olderProxy, newerProxy] = [await rig.proxy(), await rig.proxy()];
      const older = rig.member(group, { proxy: olderProxy });
      await older.has(ALL);
      olderProxy.stall();
      const newer = rig.member(group, { proxy: newerProxy });
      await newer.has(ALL, AT_ONCE_MS);
      olderProxy.resume();
      await eventually('the older is fenced', () => older.fences.length === 1);
      const soFar = newerProxy.count(API.heartbeat);
      await eventually('the newer goes on', () => newerProxy.count(API.heartbeat) > soFar + 5);
      expect(newer.fences).toEqual([]);
      expect(newer.assignments.length).toBe(1);
    }),
  );

  it(
    'F10 does not come back over a newer member after a loss of its own',
    withRig(async (rig) => {
      const group = {
        ...(await aGroup(rig)),
        instanceId: randomUUID(),
        sessionTimeoutMs: 1_000,
        heartbeatIntervalMs: 100,
      };
      const [olderProxy, newerProxy] = [await rig.proxy(), await rig.proxy()];
      const older = rig.member(group, { proxy: olderProxy });
      await older.has(ALL);
      await olderProxy.refuse();
      olderProxy.resetAll();
      await eventually('the older has lost its place', () => !older.membership.joined);
      const newer = rig.member(group, { proxy: newerProxy });
      await newer.has(ALL, AT_ONCE_MS);
      await olderProxy.accept();
      await eventually('the older is fenced', () => older.fences.length === 1);
      const soFar = newerProxy.count(API.heartbeat);
      await eventually('the newer goes on', () => newerProxy.count(API.heartbeat) > soFar + 5);
      expect(newer.fences).toEqual([]);
      expect(older.told).toEqual(['assigned', 'revoked']);
      expect(newer.membership.joined).toBe(true);
    }),
  );
}

export function groupConnections({ withRig }: Setup): void {
  it(
    'J5a knows how long its last heartbeat is ago',
    withRig(async (rig) => {
      const group = await aGroup(rig);
      const proxy = await rig.proxy();
      const member = rig.member(group, { proxy });
      expect(member.membership.heartbeatAgeMs).toBeGreaterThan(1e6);
      await member.has(ALL);
      expect(member.membership.heartbeatAgeMs).toBeLessThan(5_000);
      proxy.stall();
      await eventually('it grows', () => member.membership.heartbeatAgeMs > 1_200);
      proxy.resume();
      await eventually('it starts anew', () => member.membership.heartbeatAgeMs < 400);
      expect(member.assignments.length).toBe(1);
    }),
  );

  it(
    'F25 outlives the loss of its connections without a new assignment',
    withRig(async (rig) => {
      const group = await aGroup(rig);
      const proxy = await rig.proxy();
      const member = rig.member(group, { proxy });
      await member.has(ALL);
      proxy.resetAll();
      const soFar = proxy.count(API.heartbeat);
      await eventually('it goes on', () => proxy.count(API.heartbeat) > soFar + 3);
      expect(member.membership.joined).toBe(true);
      expect(member.membership.heartbeatAgeMs).toBeLessThan(5_000);
      expect(member.told).toEqual(['assigned']);
    }),
  );

  it(
    'J5b joins again after its session was lost',
    withRig(async (rig) => {
      const group = await aGroup(rig);
      const proxy = await rig.proxy();
      const short = { sessionTimeoutMs: 1_000, heartbeatIntervalMs: 100 };
      const member = rig.member({ ...group, ...short }, { proxy });
      await member.has(ALL);
      proxy.stall();
      const other = rig.member({ ...group, ...short });
      await other.has(ALL);
      await eventually('it knows of its loss', () => !member.membership.joined);
      proxy.resume();
      await eventually('both have two', () =>
        [member, other].every(({ partitions }) => partitions.length === 2),
      );
      expect(member.told.slice(0, 2)).toEqual(['assigned', 'revoked']);
      expect(member.fences).toEqual([]);
    }),
  );

  it(
    'J5b is told of its loss, and joins again, when the group has forgotten it',
    withRig(async (rig) => {
      const group = await aGroup(rig);
      const member = rig.member(group);
      await member.has(ALL);
      await evict(rig.broker, group.groupId, member.assignments[0]?.memberId ?? '');
      await eventually('it is assigned again', () => member.assignments.length === 2);
      await member.has(ALL);
      expect(member.told).toEqual(['assigned', 'revoked', 'assigned']);
    }),
  );

  it(
    'J5a closes within a moment, joined or joining, and whether the broker answers or not',
    withRig(async (rig) => {
      const group = await aGroup(rig);
      const proxy = await rig.proxy();
      const joining = rig.member(group, { proxy });
      expect(await timed(() => joining.membership.close('stay'))).toBeLessThan(6_000);
      const joined = rig.member(group, { proxy });
      await joined.has(ALL);
      proxy.stall();
      expect(await timed(() => joined.membership.close('stay'))).toBeLessThan(6_000);
      proxy.resume();
      const leaving = rig.member({ ...group, groupId: randomUUID() }, { proxy });
      await leaving.has(ALL);
      proxy.stall();
      expect(await timed(() => leaving.membership.close('leave'))).toBeLessThan(8_000);
      const away = rig.member({ ...group, groupId: randomUUID() }, { proxy });
      expect(await timed(() => away.membership.close('leave'))).toBeLessThan(8_000);
      proxy.resume();
    }),
  );
}

/** Members that say which tasks they own, as an application does, and of which version they are. */
export function groupDescriptions({ withRig }: Setup): void {
  const describing = (rig: Rig, group: Awaited<ReturnType<typeof aGroup>>, version: number) => {
    const describe = (): MemberDescription => ({
      ...NOTHING_TOLD,
      versions: { risk: version },
      owned: member.partitions,
      generation: member.assignments.at(-1)?.generation ?? -1,
    });
    const member: ReturnType<Rig['member']> = rig.member({ ...group, describe });
    return member;
  };

  it(
    'J5b leaves tasks where they are when a member comes and when one goes',
    withRig(async (rig) => {
      const group = await aGroup(rig);
      const first = describing(rig, group, 1);
      await first.has(ALL);
      const second = describing(rig, group, 1);
      await first.has([0, 1]);
      await second.has([2, 3]);
      const third = describing(rig, group, 1);
      await eventually('the third has one', () => third.partitions.length === 1);
      await eventually(
        'nobody else has it',
        () => first.partitions.length + second.partitions.length === 3,
      );
      const all = [first, second, third].flatMap(({ partitions }) => partitions);
      expect(all.sort()).toEqual(ALL);
      expect(first.partitions.every((partition) => partition < 2)).toBe(true);
      expect(second.partitions.every((partition) => partition > 1)).toBe(true);
      await third.membership.close('leave');
      await first.has([0, 1], AT_ONCE_MS);
      await second.has([2, 3], AT_ONCE_MS);
    }),
  );

  it(
    'J5b gives no task to a member older than its owner',
    withRig(async (rig) => {
      const group = await aGroup(rig);
      const newer = describing(rig, group, 2);
      await newer.has(ALL);
      const older = describing(rig, group, 1);
      await eventually('the older is told', () => older.assignments.length > 0);
      await newer.has(ALL);
      expect(older.partitions).toEqual([]);
      const alike = describing(rig, group, 2);
      await newer.has([0, 1]);
      await alike.has([2, 3]);
    }),
  );
}

export function groupContract(setup: Setup): void {
  describe('group and its assignments', () => groupAssignments(setup));
  describe('group and what members tell', () => groupDescriptions(setup));
  if (setup.hasNetwork) describe('group and its fences', () => groupFences(setup));
  if (setup.hasNetwork) describe('group and its connections', () => groupConnections(setup));
}
