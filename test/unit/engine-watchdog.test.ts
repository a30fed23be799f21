import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { SendResult } from '../../kafka/client.ts';
import { MemoryKafka } from '../../testing/memory-kafka.ts';
import { actualCounts, expectedCounts } from '../support/counter-model.ts';
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

describe('an application whose broker never answers one request', () => {
  it.each([
    ['an append', '.journal'],
    ['a publish', 'totals'],
  ])('heals: %s', async (_what, topicEnd) => {
    const run = await fixture.running({ stallMs: 300 });
    let hung = 0;
    faults.produce = (records, send) => {
      if (hung > 0 || !records.some(({ topic }) => topic.endsWith(topicEnd))) return send(records);
      hung += 1;
      return new Promise<readonly SendResult[]>(() => {});
    };
    await fixture.publish(add('a', 'e1', { amount: 1 }));
    await eventually('it hangs', () => hung === 1);
    await fixture.publish(add('a', 'e2', { amount: 2 }));
    await eventually('it is healed', () => run.counts.stalled > 0);
    await eventually(
      'both are counted',
      async () => (await fixture.readOnce('totals')).length === 2,
    );
    await run.stop();
    expect(await actualCounts(fixture)).toEqual(await expectedCounts(fixture));
    expect(run.counts.complaints.join()).toMatch(/task stalled; it is taken again/);
  });
});
