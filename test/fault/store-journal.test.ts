import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { KafkaClient } from '../../kafka/client.ts';
import { LmdbStore } from '../../kafka/lmdb-store.ts';
import { actualCounts, expectedCounts } from '../support/counter-model.ts';
import { add } from '../support/counter.ts';
import { EngineFixture, PARTITIONS } from '../support/engine-fixture.ts';
import { eventually } from '../support/eventually.ts';

const KEYS = 60;

let fixture: EngineFixture;
let folder: string;
let sent = 0;
beforeEach(async () => {
  fixture = await EngineFixture.start();
  folder = mkdtempSync(join(tmpdir(), 'millrace-store-journal-'));
  sent = 0;
});
afterEach(async () => {
  await fixture.end();
  rmSync(folder, { recursive: true, force: true });
});

const openStore = (partition: number) => LmdbStore.open(join(folder, String(partition)));
const journalTopic = (): string => fixture.names.physical('counter.journal');

function addAll(): Promise<void> {
  return fixture.publish(
    ...Array.from({ length: KEYS }, (_, key) => add(`key-${key}`, `e${++sent}`, { amount: 1_000 })),
  );
}

/** Where each journal's last anchor but one stands: what it puts again stands behind it, whole. */
async function finishedAnchors(): Promise<readonly number[]> {
  const journals = [...Array(PARTITIONS).keys()].map((partition) => fixture.journal(partition));
  return (await Promise.all(journals)).map(
    (journal) => journal.filter(([, { kind }]) => kind === 'anchor').at(-2)?.[0] ?? 0,
  );
}

/** Does something when a journal is about to be read from its start, once for each. */
function beforeRestore(
  client: KafkaClient,
  act: (partition: number) => Promise<void>,
): KafkaClient {
  const seen = new Set<number>();
  return {
    producer: () => client.producer(),
    admin: () => client.admin(),
    joinGroup: (options) => client.joinGroup(options),
    reader() {
      const reader = client.reader();
      return {
        close: () => reader.close(),
        async fetch(positions, options) {
          for (const { topic, partition } of positions)
            // A look at how a journal was written is one of few bytes, and no restore.
            if (
              topic === journalTopic() &&
              options.maxBytes === undefined &&
              !seen.has(partition)
            ) {
              seen.add(partition);
              await act(partition);
            }
          return reader.fetch(positions, options);
        },
      };
    },
  };
}

it('J9 J9a a journal whose beginning is deleted while it is read is read again from its anchor', async () => {
  const cleaning = { minBytes: 20_000, historyMs: 3_600_000, batchBytes: 2_000 };
  const first = await fixture.running({ cleaning });
  await eventually(
    'every journal has two anchors',
    async () => {
      await addAll();
      return (await finishedAnchors()).every((offset) => offset > 0);
    },
    60_000,
  );
  await first.handled(2 * sent);
  await first.stop();
  const anchors = await finishedAnchors();
  const client = beforeRestore(fixture.client, async (partition) => {
    await fixture.admin.deleteRecords(journalTopic(), partition, anchors[partition] ?? 0);
  });
  const second = await fixture.running({ client, openStore });
  const starts = (await fixture.admin.offsets(journalTopic())).map(({ start }) => start);
  expect(starts).toEqual(anchors);
  await addAll();
  await second.handled(2 * KEYS);
  await second.stop();
  expect(second.counts.complaints.filter((each) => each.includes('term ended'))).toEqual([]);
  await eventually('every addition has its total', async () => {
    return (await fixture.readOnce('totals')).length === sent;
  });
  expect((await actualCounts(fixture)).adder).toEqual((await expectedCounts(fixture)).adder);
}, 120_000);

it('J4 J9a a journal made anew is refused, and what the store knew of the old one is thrown away', async () => {
  const first = await fixture.running({ openStore });
  await addAll();
  await first.handled(2 * KEYS);
  await first.stop();
  await fixture.admin.deleteTopics([journalTopic()]);
  await eventually('the journal is gone', async () => {
    return !(await fixture.admin.listTopics()).includes(journalTopic());
  });
  await fixture.createTopic('counter.journal');
  const second = fixture.run({ openStore });
  await eventually('every task has stopped', () => second.failures.length === PARTITIONS);
  expect(second.failures.join('\n')).toContain('acknowledged records are gone');
  expect(second.failures[0]).toContain('Restore the journal topic from a backup; without one');
  expect(second.counts.discarded).toEqual(
    Array(PARTITIONS).fill('the journal topic was made anew since'),
  );
  expect(second.counts.handled).toBe(0);
  await second.stop();
});
