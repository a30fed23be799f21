import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import type { StateStore } from '../../engine/state-store.ts';
import type { KafkaClient } from '../../kafka/client.ts';
import { LmdbStore } from '../../kafka/lmdb-store.ts';
import type { OpenStore } from '../../kafka/task-runner.ts';
import { MemoryKafka } from '../../testing/memory-kafka.ts';
import { add, adder, watcher } from '../support/counter.ts';
import { EngineFixture, PARTITIONS } from '../support/engine-fixture.ts';
import type { EngineRun, RunOptions } from '../support/engine-run.ts';

const KEYS = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'];

let fixture: EngineFixture;
let parent: string;
let added = 0;
const totals = new Map<string, number>();
/** Journal records that were fetched. */
let journalRecords = 0;

beforeEach(async () => {
  parent = mkdtempSync(join(tmpdir(), 'millrace-task-store-'));
  fixture = await EngineFixture.start({ client: counting(new MemoryKafka()) });
  totals.clear();
  return async () => {
    await fixture.end();
    rmSync(parent, { recursive: true, force: true });
  };
});

function counting(client: KafkaClient): KafkaClient {
  return {
    producer: () => client.producer(),
    admin: () => client.admin(),
    joinGroup: (options) => client.joinGroup(options),
    reader() {
      const reader = client.reader();
      return {
        close: () => reader.close(),
        async fetch(positions, options) {
          const fetched = await reader.fetch(positions, options);
          // The look at how a journal was written is one of few bytes, and not a restore.
          if (options.maxBytes !== undefined) return fetched;
          for (const { topic, records } of fetched)
            if (topic.endsWith('.journal')) journalRecords += records.length;
          return fetched;
        },
      };
    },
  };
}

const folderOf = (partition: number): string => join(parent, String(partition));

const openStore: OpenStore = (partition, how) => {
  if (how === 'empty') rmSync(folderOf(partition), { recursive: true, force: true });
  return LmdbStore.open(folderOf(partition));
};

/** Adds once to every key, one batch after another. */
async function addAll(run: EngineRun, rounds: number): Promise<void> {
  for (let round = 0; round < rounds; round++) {
    await fixture.publish(...KEYS.map((key) => add(key, `e${++added}`, { amount: 1 })));
    for (const key of KEYS) totals.set(key, (totals.get(key) ?? 0) + 1);
    const before = run.counts.handled;
    await run.handled(before + 2 * KEYS.length);
  }
}

/** One life of the application; what it adds is counted by what stands in the journals in the end. */
async function live(options: RunOptions, rounds: number): Promise<EngineRun> {
  const run = await fixture.running(options);
  await addAll(run, rounds);
  await run.stop();
  return run;
}

async function expectTotals(): Promise<void> {
  const states = await fixture.states('adder');
  expect(
    new Map([...states].map(([key, state]) => [key, (state as { total: number }).total])),
  ).toEqual(totals);
}

describe('a task and its local store', () => {
  it('J9a reads only what the store lacks after a restart', async () => {
    await live({ openStore }, 20);
    const ends = await fixture.admin.offsets(fixture.names.physical('counter.journal'));
    const whole = ends.reduce((sum, { end }) => sum + end, 0);
    expect(whole).toBeGreaterThan(60);
    journalRecords = 0;
    const run = await fixture.running({ openStore });
    // Of each journal: the newest batch, whose outputs it cannot tell published, and the new fence.
    expect(journalRecords).toBeLessThanOrEqual(PARTITIONS * 4);
    await addAll(run, 1);
    await run.stop();
    expect(run.counts.discarded).toEqual([]);
    await expectTotals();
  });

  it('J9a goes on after its store was deleted, or overwritten', async () => {
    await live({ openStore }, 3);
    rmSync(folderOf(0), { recursive: true, force: true });
    writeFileSync(join(folderOf(1), 'data.mdb'), 'nonsense'.repeat(20_000));
    await live({ openStore }, 2);
    await expectTotals();
  });

  it('J9a discards the store of another journal, and says so', async () => {
    await live({ openStore }, 3);
    const swapped: OpenStore = (partition, how) => openStore(PARTITIONS - 1 - partition, how);
    const run = await live({ openStore: swapped }, 2);
    expect(run.counts.discarded.length).toBeGreaterThan(0);
    await expectTotals();
  });

  it('J9a J4 discards a store that stands before the journal begins, and refuses what was lost', async () => {
    await live({ openStore }, 3);
    const topic = fixture.names.physical('counter.journal');
    for (const [partition, { end }] of (await fixture.admin.offsets(topic)).entries())
      await fixture.admin.deleteRecords(topic, partition, end);
    const run = fixture.run({ openStore });
    await expect.poll(() => run.failures.length, { timeout: 20_000 }).toBe(PARTITIONS);
    expect(run.counts.discarded).toHaveLength(PARTITIONS);
    expect(run.counts.discarded[0]).toContain('the journal begins at');
    // Nobody cleaned it: there is no anchor, and the group has read more.
    expect(run.failures[0]).toContain('acknowledged records are gone');
    await run.stop();
  });

  it('J9a goes on in memory while another has the store', async () => {
    const partitions = [...Array(PARTITIONS).keys()];
    const others = await Promise.all(partitions.map(async (each) => openStore(each, 'kept')));
    const run = await live({ openStore }, 2);
    expect(run.counts.complaints.filter((each) => each.includes('another process'))).toHaveLength(
      PARTITIONS,
    );
    await Promise.all(others.map((store) => store.close()));
    await expectTotals();
  });

  it('J9a goes on when the disk takes nothing any more', async () => {
    await live({ openStore }, 2);
    const full: OpenStore = async (partition, how) => failing(await openStore(partition, how));
    const run = await fixture.running({ openStore: full });
    await addAll(run, 1);
    await expect.poll(() => run.counts.discarded.join()).toContain('no space left');
    await run.stop();
    await live({ openStore }, 2);
    await expectTotals();
  });

  it('J9a refuses states of a newer version when the term begins', async () => {
    const newer = { ...adder, state: { ...adder.state, version: 2, upcast: adder.state.initial } };
    await live({ openStore, definition: { actors: [newer, watcher] } }, 1);
    for (const options of [{ openStore }, {}]) {
      const run = fixture.run(options);
      await expect.poll(() => run.failures.length, { timeout: 20_000 }).toBe(PARTITIONS);
      expect(run.failures[0]).toContain('states of adder in version 2');
      await run.stop();
    }
  });
});

/** A store whose disk is full after what it wrote so far. */
function failing(store: StateStore): StateStore {
  return {
    get checkpoint() {
      return store.checkpoint;
    },
    get: (table, key) => store.get(table, key),
    entries: (table) => store.entries(table),
    page: (table, after, limit) => store.page(table, after, limit),
    write: () => Promise.reject(new Error('no space left on device')),
    clear: () => store.clear(),
    close: () => store.close(),
  };
}
