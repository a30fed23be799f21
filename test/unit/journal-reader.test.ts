import { describe, expect, it } from 'vitest';
import type { Batch, Fence, JournalEntry } from '../../engine/journal.ts';
import { JournalReader } from '../../engine/journal-reader.ts';

const fence = (member: string): JournalEntry => ({
  kind: 'fence',
  fence: {
    application: 'a',
    task: 0,
    member,
    host: 'h',
    generation: 1,
    deployment: 'fused',
    edges_hash: '',
    time: 0,
  } satisfies Fence,
});

const batch = (fenceOffset: number, n: number, extra: Partial<Batch> = {}): JournalEntry => ({
  kind: 'batch',
  batch: {
    fence: fenceOffset,
    n,
    time: n,
    inputs: [],
    positions: [],
    marks: [],
    producers: [],
    states: [{ actor: 'x', key: 'k', version: 1, value: JSON.stringify({ n, fenceOffset }) }],
    emits: [],
    seen: [],
    timers: [],
    parked: [],
    effects: [],
    references: [],
    watermarks: [],
    seen_sets: [],
    again: null,
    ...extra,
  },
});

function read(...entries: JournalEntry[]): JournalReader {
  const reader = new JournalReader();
  entries.forEach((entry, offset) => reader.read(offset, entry));
  return reader;
}

const stateOf = (reader: JournalReader): unknown =>
  JSON.parse(reader.state.states.get('x')?.get('k')?.json ?? 'null');

describe('validity of journal entries (J2)', () => {
  it('J2 holds a zombie batch after the next fence for void', () => {
    const reader = read(fence('A'), batch(0, 1), fence('B'), batch(0, 2), batch(2, 2));
    expect(stateOf(reader)).toEqual({ n: 2, fenceOffset: 2 });
    expect(reader.voidBatches).toBe(1);
  });

  it('J2 is not revived by a late copy of a fence', () => {
    // PROTOCOL-EVIDENCE finding 3: the copy of A's fence lands behind B's, with A's second batch after it.
    const reader = read(
      fence('A'),
      fence('B'),
      batch(0, 1),
      batch(1, 1),
      fence('A'),
      batch(0, 2),
      batch(1, 2),
    );
    expect(stateOf(reader)).toEqual({ n: 1, fenceOffset: 1 });
    expect(reader.voidBatches).toBe(3);
  });

  it('J2 holds copies, swapped batches and what follows a lost one for void', () => {
    expect(read(fence('A'), batch(0, 1), batch(0, 1)).voidBatches).toBe(1);
    expect(read(fence('A'), batch(0, 2), batch(0, 1)).state.n).toBe(1);
    expect(read(fence('A'), batch(0, 1), batch(0, 3), batch(0, 4)).state.n).toBe(1);
  });

  it('J9 adopts the anchor that a cleaned log begins with', () => {
    const reader = new JournalReader();
    const anchor = {
      application: 'app',
      task: 0,
      fence: 90,
      n: 40,
      time: 7,
      deployment: 'fused' as const,
      edges_hash: 'h',
      positions: [],
      marks: [],
      producers: [],
      watermarks: [],
    };
    reader.read(100, { kind: 'anchor', anchor });
    reader.read(101, batch(90, 41));
    expect(reader.state.n).toBe(41);
    expect(reader.voidBatches).toBe(0);
  });
});

describe('emits to publish again (J5)', () => {
  const emit = (index: number) => ({
    index,
    topic: 't',
    partition: 0,
    key: null,
    value: null,
    headers: {},
  });

  it('J5 keeps what no watermark covers', () => {
    const watermark = { topic: 't', partition: 0, offset: 9, n: 1, index: 0 };
    const reader = read(
      fence('A'),
      batch(0, 1, { emits: [emit(0), emit(1)] }),
      batch(0, 2, { emits: [emit(0)], watermarks: [watermark] }),
    );
    const waiting = reader.unpublished.get('t/0') ?? [];
    expect(waiting.map(({ n, emit: { index } }) => [n, index])).toEqual([
      [1, 1],
      [2, 0],
    ]);
  });
});
