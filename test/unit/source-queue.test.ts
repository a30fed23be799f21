import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Priority } from '../../engine/event.ts';
import { SourceQueue } from '../../engine/source-queue.ts';

interface Item {
  readonly topic: string;
  readonly key: null;
  readonly value: Uint8Array | null;
  readonly offset: number;
}

const CLASSES: Readonly<Record<string, Priority>> = { c: 'critical', h: 'high', l: 'low' };
const queueOf = (records = 100_000, bytes = 1e9): SourceQueue<Item> =>
  new SourceQueue((topic) => CLASSES[topic] ?? 'normal', { records, bytes });
const item = (topic: string, offset: number, size = 0): Item => ({
  topic,
  key: null,
  value: new Uint8Array(size),
  offset,
});
const fill = (queue: SourceQueue<Item>, topic: string, count: number): void => {
  for (let offset = 0; offset < count; offset++) queue.push(item(topic, offset));
};
const takeAll = (queue: SourceQueue<Item>, most = Number.POSITIVE_INFINITY): Item[] => {
  const taken: Item[] = [];
  for (let next = queue.take(); next !== undefined; next = queue.take()) {
    taken.push(next);
    if (taken.length >= most) break;
  }
  return taken;
};

describe('sources by class', () => {
  it('E-11 takes the highest first, with a tenth kept for the lower ones', () => {
    const queue = queueOf();
    fill(queue, 'l', 50_000);
    fill(queue, 'n', 10_000);
    fill(queue, 'c', 1_000);
    const taken = takeAll(queue, 1_000).map(({ topic }) => topic);
    const count = (topic: string): number => taken.filter((each) => each === topic).length;
    expect([count('c'), count('n'), count('l')]).toEqual([900, 90, 10]);
    expect(taken.slice(0, 9)).toEqual(Array(9).fill('c'));
  });

  it('E-11 takes what comes in critical after a backlog at the next turn but one', () => {
    const queue = queueOf();
    fill(queue, 'l', 50_000);
    for (let round = 0; round < 100; round++) {
      queue.push(item('c', round));
      expect(takeAll(queue, 2).map(({ topic }) => topic)).toContain('c');
      takeAll(queue, round % 17);
    }
  });

  it('E-11 never stops a class, whatever floods the ones above it', () => {
    const queue = queueOf();
    fill(queue, 'l', 3);
    const seen: string[] = [];
    for (let round = 0; round < 100; round++) {
      queue.push(item('c', round));
      seen.push(queue.take()?.topic ?? '');
    }
    expect(seen.filter((topic) => topic === 'l')).toHaveLength(3);
  });

  it('J7 keeps the order of every topic, and loses nothing', () => {
    const pushes = fc.array(fc.constantFrom('c', 'h', 'n', 'm', 'l', 'take', 'take'), {
      maxLength: 300,
      size: 'max',
    });
    fc.assert(
      fc.property(pushes, (moves) => {
        const queue = queueOf();
        const next: Record<string, number> = {};
        const taken: Item[] = [];
        for (const move of moves) {
          const got = move === 'take' ? queue.take() : undefined;
          if (got !== undefined) taken.push(got);
          if (move !== 'take') queue.push(item(move, (next[move] = (next[move] ?? -1) + 1)));
        }
        taken.push(...takeAll(queue));
        expect(queue.size).toBe(0);
        for (const topic of Object.keys(next))
          expect(taken.filter((each) => each.topic === topic).map(({ offset }) => offset)).toEqual(
            Array.from({ length: (next[topic] ?? -1) + 1 }, (_, offset) => offset),
          );
      }),
    );
  });

  it('is full by records and by bytes, each class by itself', () => {
    const queue = queueOf(3, 10_000);
    fill(queue, 'l', 3);
    expect([queue.isFull('l'), queue.isFull('c')]).toEqual([true, false]);
    queue.push(item('c', 0, 20_000));
    expect(queue.isFull('c')).toBe(true);
    takeAll(queue, 2);
    expect([queue.isFull('l'), queue.isFull('c')]).toEqual([false, false]);
  });
});
