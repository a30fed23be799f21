import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  assignStandbys,
  assignTasks,
  decodeDescription,
  encodeDescription,
  type GroupMember,
  type MemberDescription,
  NOTHING_TOLD,
} from '../../kafka/assigner.ts';

const member = (id: string, told: Partial<MemberDescription> = {}): GroupMember => ({
  id,
  description: { ...NOTHING_TOLD, generation: 1, ...told },
});
const of = (members: readonly GroupMember[], partitions: number) =>
  Object.fromEntries(assignTasks(members, partitions));

describe('the assigner', () => {
  it('J5b leaves tasks where they are when a member comes, and moves as few as balance needs', () => {
    const first = member('a', { owned: [0, 1, 2, 3] });
    expect(of([first, member('b')], 4)).toEqual({ a: [0, 1], b: [2, 3] });
    const both = [member('a', { owned: [0, 1] }), member('b', { owned: [2, 3] })];
    expect(of([...both, member('c')], 4)).toEqual({ a: [0, 1], b: [2], c: [3] });
  });

  it('J5b gives what nobody owns to the warmest store', () => {
    const cold = member('a', { owned: [0] });
    const warm = member('b', { owned: [1], warm: { 2: 900, 3: 10 } });
    const warmer = member('c', { warm: { 3: 950 } });
    expect(of([cold, warm, warmer], 4)).toEqual({ a: [0], b: [1, 2], c: [3] });
  });

  it('J5b gives a task only to members at least as new as its owner, though it is less balanced', () => {
    const newer = member('a', { owned: [0, 1, 2, 3], versions: { risk: 2, planner: 1 } });
    const older = member('b', { versions: { risk: 1, planner: 1 } });
    expect(of([newer, older], 4)).toEqual({ a: [0, 1, 2, 3], b: [] });
    const updated = member('b', { versions: { risk: 2 } });
    expect(of([newer, updated], 4)).toEqual({ a: [0, 1], b: [2, 3] });
  });

  it('J5b gives a task to nobody older than its journal, as whoever has read it says, though its owner is gone', () => {
    const older = { versions: { risk: 1 } };
    const newer = { versions: { risk: 2 } };
    const has = { journals: { 0: { risk: 2 } } };
    // One that has had it, and one that found that it cannot read it: though it owns it, and has the room.
    expect(of([member('a', older), member('b', { ...newer, ...has, owned: [1] })], 2)).toEqual({
      a: [],
      b: [1, 0],
    });
    expect(of([member('a', { ...older, ...has, owned: [0] }), member('b', newer)], 2)).toEqual({
      a: [1],
      b: [0],
    });
    // Nobody can: somebody says so.
    expect(of([member('a', { ...older, ...has })], 1)).toEqual({ a: [0] });
    const follows = [member('a', { ...older, standbys: 1 }), member('b', { ...newer, ...has })];
    expect(Object.fromEntries(assignStandbys(follows, new Map([['b', [0]]])))).toMatchObject({
      a: [],
    });
  });

  it('F10 believes the newer of two that say they own a task', () => {
    const zombie = member('a', { owned: [0, 1], generation: 3 });
    const owner = member('b', { owned: [0, 1], generation: 4 });
    expect(of([zombie, owner], 2)).toEqual({ a: [1], b: [0] });
  });

  it('J5b hands out each task once, balanced, alike in any order of members, and stays put after', () => {
    const told = fc.record({
      owned: fc.uniqueArray(fc.nat({ max: 11 })),
      generation: fc.nat({ max: 5 }),
      warm: fc.dictionary(fc.constantFrom('0', '3', '7'), fc.nat({ max: 99 })),
    });
    fc.assert(
      fc.property(
        fc.array(told, { minLength: 1, maxLength: 6 }),
        fc.integer({ min: 1, max: 12 }),
        (descriptions, partitions) => {
          const members = descriptions.map((each, index) => member(`m${index}`, each));
          const assigned = assignTasks(members, partitions);
          const all = [...assigned.values()].flat().sort((left, right) => left - right);
          expect(all).toEqual(Array.from({ length: partitions }, (_, partition) => partition));
          const loads = [...assigned.values()].map((own) => own.length);
          expect(Math.max(...loads) - Math.min(...loads)).toBeLessThanOrEqual(1);
          expect(of(members.toReversed(), partitions)).toEqual(Object.fromEntries(assigned));
          const settled = members.map(({ id }) =>
            member(id, { owned: assigned.get(id) ?? [], generation: 9 }),
          );
          for (const [id, own] of assignTasks(settled, partitions))
            expect(own.toSorted()).toEqual((assigned.get(id) ?? []).toSorted());
        },
      ),
    );
  });

  it('J9a gives each task followers that do not own it, balanced, alike in any order, and they stay', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 6 }),
        fc.integer({ min: 1, max: 12 }),
        fc.integer({ min: 0, max: 3 }),
        (count, partitions, standbys) => {
          const members = Array.from({ length: count }, (_, index) =>
            member(`m${index}`, { standbys }),
          );
          const owned = assignTasks(members, partitions);
          const followed = assignStandbys(members, owned);
          const followers = [...followed.values()].flat();
          expect(followers).toHaveLength(partitions * Math.min(standbys, count - 1));
          for (const [id, own] of followed) {
            expect(new Set(own).size).toBe(own.length);
            for (const partition of own) expect(owned.get(id)).not.toContain(partition);
          }
          const turned = assignStandbys(members.toReversed(), owned);
          expect(Object.fromEntries(turned)).toEqual(Object.fromEntries(followed));
          const settled = members.map(({ id }) =>
            member(id, { standbys, owned: owned.get(id) ?? [], follows: followed.get(id) ?? [] }),
          );
          const most = Math.ceil((standbys * partitions) / count);
          if ([...followed.values()].some((own) => own.length > most)) return;
          for (const [id, own] of assignStandbys(settled, owned))
            expect(own.toSorted()).toEqual((followed.get(id) ?? []).toSorted());
        },
      ),
    );
  });

  it('J9a J5b has only members with a store follow, and gives the task of one that died to its follower', () => {
    const owner = member('a', { owned: [0, 1], standbys: 1 });
    const idle = member('b', { owned: [2], standbys: 0 });
    const follower = member('c', { owned: [3], standbys: 1, follows: [0, 1], warm: { 1: 9 } });
    const followed = assignStandbys(
      [owner, idle, follower],
      assignTasks([owner, idle, follower], 4),
    );
    expect(followed.get('b')).toEqual([]);
    expect(followed.get('c')).toEqual(
      [0, 1, 2].filter((each) => followed.get('c')?.includes(each)),
    );
    expect(of([idle, follower], 4)).toEqual({ b: [2, 0], c: [3, 1] });
  });

  it('takes what it cannot read for a member that told nothing', () => {
    const { description } = member('a', { owned: [1], warm: { 1: 7 } });
    expect(decodeDescription(encodeDescription(description))).toEqual(description);
    expect(decodeDescription(new Uint8Array([1, 2]))).toEqual(NOTHING_TOLD);
    expect(decodeDescription(null)).toEqual(NOTHING_TOLD);
  });
});
