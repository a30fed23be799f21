import { afterEach, beforeEach, expect, it } from 'vitest';
import { MemoryKafka } from '../../testing/memory-kafka.ts';
import { actualCounts, expectedCounts } from '../support/counter-model.ts';
import { add, adder, watcher } from '../support/counter.ts';
import { EngineFixture, PARTITIONS } from '../support/engine-fixture.ts';
import type { EngineRun } from '../support/engine-run.ts';
import { eventually } from '../support/eventually.ts';

let fixture: EngineFixture;
beforeEach(async () => {
  fixture = await EngineFixture.start({ client: new MemoryKafka() });
});
afterEach(() => fixture.end());

/** The next release: the adder's state has another shape. */
const NEWER = {
  actors: [
    { ...adder, state: { ...adder.state, version: 2, upcast: (state: unknown) => state as never } },
    watcher,
  ],
};

const running = ({ status }: EngineRun): number =>
  status.tasks.filter((task) => task.status === 'running').length;
const keys = Array.from({ length: 40 }, (_, nth) => `key-${nth}`);
const publish = (round: number): Promise<void> =>
  fixture.publish(...keys.map((key) => add(key, `${key}/${round}`, { amount: 1_000 })));

it('J5b an older member that gets a task which newer code has written says so, and a newer one gets it', async () => {
  const first = fixture.run({ instanceId: 'counter.1', definition: NEWER });
  await first.ready();
  const second = fixture.run({ instanceId: 'counter.2', definition: NEWER });
  await second.ready(PARTITIONS / 2);
  await publish(1);
  await eventually(
    'all are handled, by the newer code',
    async () => (await fixture.states('adder')).size === keys.length,
  );
  const older = fixture.run({ instanceId: 'counter.3' });
  await eventually('it is a member', () => older.status.joined);
  expect(running(older)).toBe(0);

  // Nobody is left who has read the journals of its tasks.
  await first.stop('leave');
  await eventually('the newer one has all', () => running(second) === PARTITIONS, 30_000);
  await publish(2);
  await eventually(
    'all have their totals',
    async () => (await fixture.readOnce('totals')).length === 2 * keys.length,
  );
  expect(older.status.tasks).toEqual([]);
  expect(await actualCounts(fixture)).toEqual(await expectedCounts(fixture));

  // Where there is nobody newer it stops, and says why.
  await second.stop('leave');
  await eventually('it stops by name', () => older.failures.length === PARTITIONS, 30_000);
  expect(older.failures[0]).toContain('holds states of adder in version 2, this code knows 1');
}, 120_000);
