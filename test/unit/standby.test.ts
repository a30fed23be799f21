import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { beforeEach, describe, expect, it } from 'vitest';
import type { StateStore } from '../../engine/state-store.ts';
import { type KafkaClient, KafkaError } from '../../kafka/client.ts';
import type { CleaningSettings } from '../../kafka/journal-cleaner.ts';
import { LmdbStore } from '../../kafka/lmdb-store.ts';
import { MemoryKafka } from '../../testing/memory-kafka.ts';
import { add } from '../support/counter.ts';
import { EngineFixture, PARTITIONS } from '../support/engine-fixture.ts';
import type { EngineRun } from '../support/engine-run.ts';
import { eventually } from '../support/eventually.ts';

const KEYS = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'];

let fixture: EngineFixture;
let parent: string;
/** Journal records that were fetched. */
let journalRecords = 0;
/** Fetches fail while it is true. */
let isAway = false;
let refused = 0;

beforeEach(async () => {
  parent = mkdtempSync(join(tmpdir(), 'millrace-standby-'));
  fixture = await EngineFixture.start({ client: counting(new MemoryKafka()) });
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
          if (isAway) {
            refused += 1;
            await pause(1);
            throw new KafkaError('NETWORK', true, 'The broker is away.');
          }
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

const NEVER = { minBytes: Number.MAX_SAFE_INTEGER };

/** A member with local stores of its own. */
function member(
  name: string,
  cleaning: Partial<CleaningSettings> = NEVER,
): {
  readonly run: EngineRun;
  readonly stores: Map<number, StateStore>;
} {
  const stores = new Map<number, StateStore>();
  const run = fixture.run({
    instanceId: `counter.${name}`,
    standbys: 1,
    cleaning,
    async openStore(partition, how) {
      const folder = join(parent, name, String(partition));
      if (how === 'empty') rmSync(folder, { recursive: true, force: true });
      const store = await LmdbStore.open(folder);
      stores.set(partition, store);
      return store;
    },
  });
  return { run, stores };
}

describe('a standby', () => {
  it('J9a has followed the journal, so that the new owner reads only its tail', async () => {
    const owner = member('1');
    await owner.run.ready();
    for (let round = 1; round <= 20; round++) {
      await fixture.publish(...KEYS.map((key) => add(key, `${key}${round}`, { amount: 1 })));
      await owner.run.handled(2 * KEYS.length * round);
    }
    const follower = member('2');
    await owner.run.ready(PARTITIONS / 2);
    await follower.run.ready(PARTITIONS / 2);
    const reached = (stores: Map<number, StateStore>, partition: number): number =>
      stores.get(partition)?.checkpoint?.offset ?? -1;
    await eventually('every journal is followed as far as its owner has come', () =>
      [...Array(PARTITIONS).keys()].every(
        (partition) =>
          reached(follower.stores, partition) > 0 &&
          reached(follower.stores, partition) === reached(owner.stores, partition),
      ),
    );
    journalRecords = 0;
    await owner.run.stop('leave');
    await follower.run.ready();
    expect(journalRecords).toBeLessThanOrEqual(PARTITIONS * 5);
    const before = follower.run.counts.handled;
    await fixture.publish(...KEYS.map((key) => add(key, `${key}21`, { amount: 1 })));
    await follower.run.handled(before + 2 * KEYS.length);
    await follower.run.stop();
    expect(follower.run.counts.discarded).toEqual([]);
    for (const key of KEYS) expect((await fixture.states('adder')).get(key)).toEqual({ total: 21 });
  });

  const reached = (stores: Map<number, StateStore>, partition: number): number =>
    stores.get(partition)?.checkpoint?.offset ?? -1;
  const isAbreast = (one: ReturnType<typeof member>, other: ReturnType<typeof member>): boolean =>
    [...Array(PARTITIONS).keys()].every(
      (partition) =>
        reached(one.stores, partition) > 0 &&
        reached(one.stores, partition) === reached(other.stores, partition),
    );

  it('J9 J9a begins anew when the journal was cleaned past what it has', async () => {
    const often = { minBytes: 2_000, historyMs: 0, batchBytes: 400 };
    const owner = member('1', often);
    await owner.run.ready();
    await fixture.publish(...KEYS.map((key) => add(key, `${key}0`, { amount: 1 })));
    await owner.run.handled(2 * KEYS.length);
    const follower = member('2', often);
    await follower.run.ready(PARTITIONS / 2);
    await eventually('it has followed', () => isAbreast(owner, follower));
    await follower.run.stop('leave');
    await owner.run.ready();
    const journal = fixture.names.physical(fixture.topology().journal);
    const starts = async (): Promise<readonly number[]> =>
      (await fixture.admin.offsets(journal)).map(({ start }) => start);
    const seen = [...Array(PARTITIONS).keys()].map((each) => reached(follower.stores, each));
    for (
      let round = 1;
      (await starts()).some((start, each) => start <= (seen[each] ?? 0));
      round++
    ) {
      const before = owner.run.counts.handled;
      await fixture.publish(...KEYS.map((key) => add(key, `${key}${round}`, { amount: 1 })));
      await owner.run.handled(before + 2 * KEYS.length);
    }
    const again = member('2', often);
    await again.run.ready(PARTITIONS / 2);
    await eventually('it has followed anew', () => isAbreast(owner, again));
    expect(again.run.counts.discarded).toHaveLength(PARTITIONS);
    expect(again.run.counts.discarded[0]).toMatch(/the journal begins at \d+/);
  });

  it('J9a goes on when the broker comes back', async () => {
    const owner = member('1');
    await owner.run.ready();
    const follower = member('2');
    await follower.run.ready(PARTITIONS / 2);
    await fixture.publish(...KEYS.map((key) => add(key, `${key}0`, { amount: 1 })));
    await eventually('it has followed', () => isAbreast(owner, follower));
    isAway = true;
    await eventually('it was asked in vain', () => refused > 20);
    isAway = false;
    await fixture.publish(...KEYS.map((key) => add(key, `${key}1`, { amount: 1 })));
    await eventually('all is handled', async () => {
      const states = await fixture.states('adder');
      return KEYS.every((key) => (states.get(key) as { total: number } | undefined)?.total === 2);
    });
    await eventually('it has followed again', () => isAbreast(owner, follower));
    expect(follower.run.counts.discarded).toEqual([]);
  });
});
