import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import type { StateStore } from '../../engine/state-store.ts';
import type { KafkaClient } from '../../kafka/client.ts';
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

/** A member with local stores of its own. */
function member(name: string): {
  readonly run: EngineRun;
  readonly stores: Map<number, StateStore>;
} {
  const stores = new Map<number, StateStore>();
  const run = fixture.run({
    instanceId: `counter.${name}`,
    standbys: 1,
    openStore(partition, how) {
      const folder = join(parent, name, String(partition));
      if (how === 'empty') rmSync(folder, { recursive: true, force: true });
      const store = LmdbStore.open(folder);
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
});
