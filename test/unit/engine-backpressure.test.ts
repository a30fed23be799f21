import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { LIMITS } from '../../engine/limits.ts';
import { SHELL_LIMITS } from '../../kafka/limits.ts';
import type { KafkaClient } from '../../kafka/client.ts';
import { MemoryKafka } from '../../testing/memory-kafka.ts';
import { withAlteredReader } from '../support/altered-reader.ts';
import { add } from '../support/counter.ts';
import { EngineFixture } from '../support/engine-fixture.ts';
import { eventually } from '../support/eventually.ts';
import { type Faults, faultyClient } from '../support/faulty-client.ts';

let fixture: EngineFixture;
let faults: Faults;
/** Records of the source that were fetched. */
let fetched = 0;
beforeEach(async () => {
  faults = {};
  fetched = 0;
  fixture = await EngineFixture.start({
    client: faultyClient(counting(new MemoryKafka()), faults),
  });
});
afterEach(() => fixture.end());

const counting = (client: KafkaClient): KafkaClient =>
  withAlteredReader(client, (answer) => {
    if (answer.topic === fixture.names.physical('adds')) fetched += answer.records.length;
    return answer;
  });

/** What one answer to a fetch brings at most, of small records. */
const RECORDS_PER_FETCH = 3_000;
/** Of one addition: a total, and a read model. */
const EMITS = 2;
/** One that is being made, and those whose appends are under way. */
const OPEN_BATCHES = 4;

/** Keys of the task that key `a` has. */
function keysOfOneTask(count: number): readonly string[] {
  const keys: string[] = [];
  for (let index = 0; keys.length < count; index++)
    if (fixture.partitionOf(`k${index}`) === fixture.partitionOf('a')) keys.push(`k${index}`);
  return keys;
}

/** Totals of a key that stand on the topic. */
async function totals(key: string): Promise<number> {
  const records = await fixture.read('totals');
  return records.filter((each) => Buffer.from(each.key ?? []).toString() === key).length;
}

describe('a task whose way out is slow', () => {
  it('takes no more than its open effects may be, and goes on when they end', async () => {
    const count = SHELL_LIMITS.openEffects + 4 * LIMITS.batchInputs;
    const events = keysOfOneTask(count).map((key, index) =>
      add(key, `e${index}`, { amount: 0, fail: 'effect' }),
    );
    for (let from = 0; from < count; from += 1_000)
      await fixture.publish(...events.slice(from, from + 1_000));
    const gate = Promise.withResolvers<number>();
    const run = fixture.run({ performers: { 'count.double': () => gate.promise } });
    await run.handled(SHELL_LIMITS.openEffects);
    const other = ['b', 'c', 'd', 'e'].find(
      (key) => fixture.partitionOf(key) !== fixture.partitionOf('a'),
    );
    // Another task goes on meanwhile.
    for (let index = 0; index < 20; index++) {
      const before = run.counts.handled;
      await fixture.publish(add(other ?? 'b', `other-${index}`, { amount: 1 }));
      await eventually('another key is handled', () => run.counts.handled > before);
    }
    expect(run.counts.handled).toBeLessThan(count);
    gate.resolve(0);
    await run.handled(count + 40);
    await run.stop();
  }, 60_000);

  it.each([
    ['its outputs', ['totals', 'rm.count'], SHELL_LIMITS.publishRecords / EMITS],
    ['its journal', ['counter.journal'], 0],
  ])(
    'holds no more than its limits while a broker that hangs takes nothing of %s, and goes on when it does',
    async (_what, hanging, mostWaiting) => {
      const most = mostWaiting + OPEN_BATCHES * LIMITS.batchInputs;
      const count = most + SHELL_LIMITS.queueRecords + 2 * RECORDS_PER_FETCH;
      const keys = keysOfOneTask(500);
      for (let from = 0; from < count; from += 1_000) {
        const length = Math.min(1_000, count - from);
        const adds = Array.from({ length }, (_, at) =>
          add(keys[at % 500] ?? '', `e${from + at}`, { amount: 1_000 }),
        );
        await fixture.publish(...adds);
      }
      const gate = Promise.withResolvers<void>();
      const held = new Set(hanging.map((topic) => fixture.names.physical(topic)));
      const partition = fixture.partitionOf('a');
      let hung = 0;
      faults.produce = async (records, send) => {
        const [first] = records;
        if (first === undefined || first.partition !== partition || !held.has(first.topic))
          return send(records);
        // A fence stands before the broker hangs.
        if (hanging.includes('counter.journal') && hung++ === 0) return send(records);
        await gate.promise;
        return send(records);
      };
      const run = fixture.run();
      let added = 0;
      const isFull = (): boolean => fetched - added >= SHELL_LIMITS.queueRecords;
      await eventually('it is full', () => {
        added = run.counts.handled / EMITS;
        return added >= Math.max(1, mostWaiting) && isFull();
      });
      const other = ['b', 'c', 'd', 'e'].find((key) => fixture.partitionOf(key) !== partition);
      for (let index = 0; index < 20; index++) {
        const before = await totals(other ?? 'b');
        await fixture.publish(add(other ?? 'b', `other-${index}`, { amount: 1_000 }));
        await eventually('another task goes on', async () => (await totals(other ?? 'b')) > before);
      }
      added = run.counts.handled / EMITS;
      expect(added).toBeLessThanOrEqual(most);
      expect(fetched - added).toBeLessThanOrEqual(SHELL_LIMITS.queueRecords + RECORDS_PER_FETCH);
      gate.resolve();
      await run.handled(EMITS * (count + 20), 60_000);
      await run.stop();
    },
    120_000,
  );
});
