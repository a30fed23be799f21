import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type Batch,
  BESIDES_CHANGES,
  type Fence,
  JOURNAL_RECORD,
  type JournalEntry,
  type JournaledEmit,
  type RestoredEntry,
} from '../../engine/journal.ts';
import { JournalReader } from '../../engine/journal-reader.ts';
import { LIMITS } from '../../engine/limits.ts';
import { MemoryStateStore } from '../../engine/memory-state-store.ts';
import { TaskState } from '../../engine/task-state.ts';
import { Rebuild } from '../../kafka/rebuild.ts';
import { StoreKeeper } from '../../kafka/store-keeper.ts';
import { offlineEngineCodec } from '../support/engine-fixture.ts';

const FENCE: Fence = {
  application: 'a',
  task: 0,
  member: 'm',
  host: 'h',
  generation: 1,
  deployment: 'fused',
  edges_hash: '',
  time: 0,
};

const key = fc.constantFrom('a', 'b', 'c|d');
const actor = fc.constantFrom('x', 'y');
/** Some that JSON writes otherwise than they are. */
const id = fc
  .integer({ min: 0, max: 300 })
  .map((each) => (each % 7 === 0 ? `"é${each}` : `${each}`));
const emit = fc.record({ topic: fc.constantFrom('out', 'far'), partition: fc.constantFrom(0, 1) });

/** What one batch may do; `n`, `fence` and the watermarks follow from where it comes to stand. */
const step = fc.record({
  isFence: fc.boolean(),
  isVoid: fc.boolean(),
  covers: fc.integer({ min: 0, max: 3 }),
  states: fc.array(
    fc.record({
      actor,
      key,
      version: fc.integer({ min: 1, max: 3 }),
      value: fc.option(fc.integer().map(String)),
    }),
    { maxLength: 3 },
  ),
  seen: fc.array(fc.record({ key, event_id: id }), { maxLength: 100 }),
  seenSets: fc.array(fc.record({ key, event_ids: fc.uniqueArray(id, { maxLength: 100 }) }), {
    maxLength: 2,
  }),
  parked: fc.array(
    fc.record({
      actor,
      key,
      code: fc.constant('c'),
      reason: fc.constant('r'),
      act: fc.constantFrom('push', 'shift', 'wait', 'anew'),
      message: fc.integer().map(String),
      attempt: fc.integer({ min: 0, max: 4 }),
      due: fc.option(fc.integer({ min: 0, max: 100 })),
    }),
    { maxLength: 3 },
  ),
  timers: fc.array(
    fc.record({
      actor,
      key,
      name: id,
      due: fc.option(fc.integer({ min: 0, max: 100 })),
      setter: fc.constant('{"cause":{},"data":1}'),
    }),
    { maxLength: 3 },
  ),
  references: fc.array(
    fc.record({
      name: actor,
      id: key,
      version: id,
      value: fc.option(fc.integer().map(String)),
    }),
    { maxLength: 2 },
  ),
  producers: fc.array(
    fc.record({
      topic: actor,
      producer: key,
      held: fc.constant([0, 1]),
      gap_since: fc.constant(null),
    }),
    { maxLength: 2 },
  ),
  emits: fc.array(emit, { maxLength: 2 }),
});
type Step = typeof step extends fc.Arbitrary<infer Value> ? Value : never;

function journalOf(steps: readonly Step[]): JournalEntry[] {
  const entries: JournalEntry[] = [{ kind: 'fence', fence: FENCE }];
  const emitted: { n: number; emit: JournaledEmit }[] = [];
  let fence = 0;
  let n = 0;
  for (const each of steps) {
    if (each.isFence) {
      fence = entries.length;
      entries.push({ kind: 'fence', fence: { ...FENCE, member: `m${fence}` } });
    }
    const { states, seen, parked, references, producers, timers, seenSets } = each;
    const covered = emitted.splice(0, each.covers);
    const emits = each.emits.map((place, index) => ({
      ...place,
      index,
      key: null,
      value: null,
      headers: {},
    }));
    const batch: Batch = {
      fence: each.isVoid ? fence - 1 : fence,
      n: n + 1,
      time: n,
      inputs: [],
      positions: [{ topic: 's', topic_id: 't', partition: 0, leader_epoch: 0, offset: n }],
      marks: [],
      effects: [],
      seen_sets: seenSets,
      again: null,
      ...{ states, seen, parked, references, producers, timers, emits },
      watermarks: covered.map(({ n, emit: { topic, partition, index } }) => ({
        ...{ topic, partition, n, index },
        offset: n,
      })),
    };
    entries.push({ kind: 'batch', batch });
    if (each.isVoid) emitted.unshift(...covered);
    else {
      n += 1;
      emitted.push(...emits.map((one) => ({ n, emit: one })));
    }
  }
  return entries;
}

function readAll(entries: readonly RestoredEntry[]): JournalReader {
  const reader = new JournalReader();
  entries.forEach((entry, offset) => reader.read(offset, entry));
  return reader;
}

const codec = offlineEngineCodec();

/** As it comes from the journal, whole or what a restore reads of it. */
function asRead(entry: JournalEntry, leftOut?: typeof BESIDES_CHANGES): RestoredEntry {
  if (entry.kind !== 'batch') return entry;
  const bytes = codec.encode('counter.journal', JOURNAL_RECORD.batch, entry.batch);
  return { kind: 'batch', batch: codec.decode(bytes, leftOut).value as Batch };
}

/** Reads on from a store's checkpoint up to `until`; what the keeper has not written by then is lost. */
async function follow(
  store: MemoryStateStore,
  entries: readonly JournalEntry[],
  until: number,
  isKilled: boolean,
): Promise<JournalReader> {
  const state = new TaskState(store);
  const { checkpoint } = store;
  const reader = new JournalReader(state, checkpoint);
  let isAlive = true;
  const written: MemoryStateStore['write'] = (...change) =>
    isAlive ? store.write(...change) : new Promise(() => {});
  const port = new Proxy(store, {
    get: (target, name) => {
      const own = Reflect.get(target, name, target) as unknown;
      if (name === 'write') return written;
      return typeof own === 'function' ? (own.bind(target) as unknown) : own;
    },
  });
  const keeper = new StoreKeeper(port, state, (error) => {
    throw error;
  });
  const rebuild = new Rebuild(reader, keeper, 't');
  for (let offset = checkpoint?.emitsFrom.offset ?? 0; offset < until; offset++) {
    const entry = entries[offset] as JournalEntry;
    rebuild.read(offset, asRead(entry, BESIDES_CHANGES));
    if (offset % 2 === 0) rebuild.handOver();
    // Else it would gather what a test makes in no time, and write none of it.
    if (offset % 3 === 0) await Promise.race([keeper.idle(), Promise.resolve()]);
  }
  if (isKilled) isAlive = false;
  else {
    await rebuild.finish();
    await keeper.idle();
  }
  return reader;
}

describe('restoring a task from its store', () => {
  it('J9a gives what the whole journal gives, wherever its owners died', () =>
    fc.assert(
      fc.asyncProperty(
        fc.array(step, { minLength: 1, maxLength: 40 }),
        fc.array(fc.nat(1_000), { maxLength: 4 }),
        async (steps, deaths) => {
          const entries = journalOf(steps);
          const store = new MemoryStateStore();
          for (const death of deaths.map((each) => each % entries.length)) {
            if (death < (store.checkpoint?.offset ?? 0)) continue;
            await follow(store, entries, death, true);
            expect(store.checkpoint?.offset ?? 0).toBeLessThanOrEqual(death);
          }
          const whole = readAll(entries.map((entry) => asRead(entry)));
          const changes = readAll(entries.map((entry) => asRead(entry, BESIDES_CHANGES)));
          const restored = await follow(store, entries, entries.length, false);
          expect(restored.state.dump()).toBe(whole.state.dump());
          const again = await follow(store, entries, entries.length, false);
          expect(again.state.dump()).toBe(whole.state.dump());
          if (store.checkpoint === null) return;
          expect(again.unpublished).toEqual(changes.unpublished);
          expect(again.lastWorkedFence).toEqual(whole.lastWorkedFence);
        },
      ),
      { numRuns: 60 },
    ));

  it('J7a J9a keeps the newest event ids of a busy key, in rows', async () => {
    const many = LIMITS.seenIdsPerKey * 2 + 77;
    const store = new MemoryStateStore();
    const memory = new TaskState();
    let state = new TaskState(store);
    for (let index = 0, n = 1; index < many; n++) {
      for (const end = Math.min(many, index + 1 + ((n * 37) % 150)); index < end; index++) {
        state.applySeen({ key: 'k', event_id: `e${index}` });
        memory.applySeen({ key: 'k', event_id: `e${index}` });
      }
      const place = { offset: n + 1, fence: 0, n, topicId: 't', time: 0 };
      const taken = state.takeChanges();
      await store.write(taken.changes, { ...place, fenceRecord: FENCE, emitsFrom: place });
      state.settle(taken.generation);
      if (n % 7 === 0) state = new TaskState(store);
    }
    const ids = (each: TaskState): unknown => [...each.seen].map(([name, set]) => [name, [...set]]);
    expect(ids(new TaskState(store))).toEqual(ids(memory));
    expect([...store.entries('seen-full')].length).toBeLessThanOrEqual(65);
  });

  it('J9a is refused by a journal that holds something else before the checkpoint', () => {
    const state = new TaskState();
    const entries = journalOf(
      fc.sample(step, { numRuns: 3, seed: 7 }).map((each) => ({ ...each, isVoid: false })),
    );
    const last = entries.length - 1;
    const right = readAll(entries).checkpointAfter(last, 't');
    if (right === null) throw new Error('no checkpoint');
    for (const wrong of [
      { ...right, n: right.n + 1 },
      { ...right, fence: right.fence + 1 },
      { ...right, offset: right.offset - 1 },
    ]) {
      const reader = new JournalReader(state, wrong);
      const readOn = (): void =>
        entries.slice(right.emitsFrom.offset).forEach((entry, index) => {
          reader.read(right.emitsFrom.offset + index, entry);
        });
      expect(readOn).toThrow(expect.objectContaining({ code: 'STORE_FOREIGN' }));
    }
  });
});
