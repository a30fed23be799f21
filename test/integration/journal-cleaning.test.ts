import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { LmdbStore } from '../../kafka/lmdb-store.ts';
import { actualCounts, expectedCounts } from '../support/counter-model.ts';
import { add } from '../support/counter.ts';
import { EngineFixture, PARTITIONS } from '../support/engine-fixture.ts';
import { eventually } from '../support/eventually.ts';

/** An anchor each few kilobytes, and no more history than it takes. */
const cleaning = { minBytes: 20_000, historyMs: 0, batchBytes: 2_000 };
const KEYS = 60;

let fixture: EngineFixture;
let folder: string;
beforeEach(async () => {
  fixture = await EngineFixture.start();
  folder = mkdtempSync(join(tmpdir(), 'millrace-cleaning-'));
});
afterEach(async () => {
  await fixture.end();
  rmSync(folder, { recursive: true, force: true });
});

const starts = async (): Promise<readonly number[]> => {
  const bounds = await fixture.admin.offsets(fixture.names.physical('counter.journal'));
  return bounds.map(({ start }) => start);
};

let sent = 0;
/** Additions to all keys until every journal begins later than it did. */
async function untilCleaned(): Promise<void> {
  const before = await starts();
  await eventually(
    'every journal begins later',
    async () => {
      const additions = Array.from({ length: KEYS }, (_, key) => {
        sent += 1;
        return add(`key-${key}`, `e${sent}`, { amount: 1_000 + (sent % 7) });
      });
      await fixture.publish(...additions);
      const now = await starts();
      return now.every((start, partition) => start > (before[partition] ?? 0));
    },
    60_000,
  );
}

/** Every addition has its total; those of the poisoned key wait. */
async function allHandled(): Promise<void> {
  await eventually(
    'all is handled',
    async () => (await fixture.readOnce('totals')).length === sent,
    60_000,
  );
}

/** The next owner of each task knows what the additions come to. */
async function holdsEverything(): Promise<void> {
  const { adder } = await actualCounts(fixture);
  const expected = await expectedCounts(fixture);
  for (const [key, state] of adder) expect([key, state]).toEqual([key, expected.adder.get(key)]);
  expect(adder.size).toBe(KEYS);
}

describe('a journal', () => {
  beforeEach(() => {
    sent = 0;
  });

  it('J9 begins at an anchor when it was cleaned, and holds everything, whoever takes it', async () => {
    const first = await fixture.running({ cleaning });
    await fixture.publish(add('poison', 'p1', { amount: 1_000, fail: 'throw' }));
    await fixture.publish(add('poison', 'p2', { amount: 1_000 }));
    await untilCleaned();
    await first.stop();
    const second = await fixture.running({ cleaning });
    await untilCleaned();
    await allHandled();
    await second.stop();
    for (let partition = 0; partition < PARTITIONS; partition++) {
      const [first] = await fixture.journal(partition);
      expect(first?.[1].kind).toBe('anchor');
    }
    await holdsEverything();
    const { state } = await fixture.restored(fixture.partitionOf('poison'));
    expect(state.parked.get('adder|poison')?.messages).toHaveLength(2);
    expect(second.counts.deadLettered).toEqual([]);
  }, 120_000);

  it('J9 J9a begins no later than the local store needs, which is kept', async () => {
    const openStore = (partition: number) => LmdbStore.open(join(folder, String(partition)));
    const first = await fixture.running({ cleaning, openStore });
    await untilCleaned();
    await first.stop();
    const second = await fixture.running({ cleaning, openStore });
    await untilCleaned();
    await allHandled();
    await second.stop();
    expect([...first.counts.discarded, ...second.counts.discarded]).toEqual([]);
    await holdsEverything();
    rmSync(folder, { recursive: true, force: true });
    const third = await fixture.running({ cleaning, openStore });
    await third.stop();
    await holdsEverything();
  }, 120_000);
});
