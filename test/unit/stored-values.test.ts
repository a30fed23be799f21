import { describe, expect, it } from 'vitest';
import { StoredValues } from '../../engine/stored-values.ts';

const MOST = 80;
const VALUES = 400;

/** Values of a byte each over a store that is a map, and the keys that were read from it. */
function setUp() {
  const stored = new Map<string, number>();
  const read: string[] = [];
  const values = new StoredValues<number>({
    read: (key) => {
      read.push(key);
      return stored.get(key);
    },
    sizeOf: () => 1,
    mostBytes: MOST,
  });
  let generation = 0;
  const settle = (): void => {
    generation += 1;
    for (const { key, value } of values.take(generation))
      if (value !== undefined) stored.set(key, value);
    values.settle(generation);
  };
  const readsOf = (key: string): number => {
    const before = read.length;
    values.get(key);
    return read.length - before;
  };
  return { values, stored, settle, readsOf };
}

describe('values of a store', () => {
  it('stand in memory while the store does not have them, be they more than the bound', () => {
    const { values, readsOf } = setUp();
    for (let nth = 0; nth < VALUES; nth++) values.set(`k${nth}`, nth);
    for (let nth = 0; nth < VALUES; nth++) expect(readsOf(`k${nth}`)).toBe(0);
  });

  it('stand in memory within the bound once it has them, those set last', () => {
    const { values, settle, readsOf } = setUp();
    for (let nth = 0; nth < VALUES; nth++) {
      values.set(`k${nth}`, nth);
      if (nth % 10 === 9) settle();
    }
    const known = Array.from({ length: VALUES }, (_, nth) => nth).filter(
      (nth) => readsOf(`k${VALUES - 1 - nth}`) === 0,
    );
    expect(known.length).toBeLessThanOrEqual(MOST);
    expect(known.length).toBeGreaterThanOrEqual(MOST / 2);
    expect(known).toEqual(known.map((_, place) => place));
  });

  it('are kept longer when they were used since their turn to go came last', () => {
    const { values, settle, readsOf } = setUp();
    values.set('used', 1);
    settle();
    for (let nth = 0; nth < VALUES; nth++) {
      values.set(`k${nth}`, nth);
      settle();
      values.get('used');
    }
    expect(readsOf('used')).toBe(0);
    expect(readsOf('k0')).toBe(1);
  });

  it('are bounded when they are only read, too', () => {
    const { stored, readsOf } = setUp();
    for (let nth = 0; nth < VALUES; nth++) stored.set(`k${nth}`, nth);
    for (let nth = 0; nth < VALUES; nth++) readsOf(`k${nth}`);
    expect(readsOf('k0')).toBe(1);
    expect(readsOf(`k${VALUES - 1}`)).toBe(0);
  });
});
