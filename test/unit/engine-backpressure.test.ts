import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { LIMITS } from '../../engine/limits.ts';
import { SHELL_LIMITS } from '../../kafka/limits.ts';
import { MemoryKafka } from '../../testing/memory-kafka.ts';
import { add } from '../support/counter.ts';
import { EngineFixture } from '../support/engine-fixture.ts';
import { eventually } from '../support/eventually.ts';
import { type Faults, faultyClient } from '../support/faulty-client.ts';

let fixture: EngineFixture;
let faults: Faults;
beforeEach(async () => {
  faults = {};
  fixture = await EngineFixture.start({ client: faultyClient(new MemoryKafka(), faults) });
});
afterEach(() => fixture.end());

/** Keys of the task that key `a` has. */
function keysOfOneTask(count: number): readonly string[] {
  const keys: string[] = [];
  for (let index = 0; keys.length < count; index++)
    if (fixture.partitionOf(`k${index}`) === fixture.partitionOf('a')) keys.push(`k${index}`);
  return keys;
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
});
