import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Codec } from '../../engine/codec.ts';
import { MemoryKafka } from '../../testing/memory-kafka.ts';
import { add } from '../support/counter.ts';
import { EngineFixture } from '../support/engine-fixture.ts';
import { eventually } from '../support/eventually.ts';

let fixture: EngineFixture;
beforeEach(async () => {
  fixture = await EngineFixture.start({ client: new MemoryKafka() });
});
afterEach(() => fixture.end());

/** Breaks so often, at events and not at journal records, in a way that nobody has foreseen. */
function breaking(times: number): Codec {
  const { codec } = fixture;
  let left = times;
  return {
    encode: (...of) => codec.encode(...of),
    knows: (bytes) => codec.knows(bytes),
    learn: (bytes) => codec.learn(bytes),
    decode: (bytes) => {
      const decoded = codec.decode(bytes);
      if (decoded.record === 'test.count.Add' && left-- > 0) throw new TypeError('no such field');
      return decoded;
    },
  };
}

describe('a task that meets an error that nothing knows', () => {
  it('is taken again, a few times in a row, and goes on where it passes', async () => {
    const run = fixture.run({ codec: breaking(2), unknownErrors: 3 });
    await fixture.publish(add('a', 'e1', { amount: 3 }));
    await eventually('it is handled', async () => (await fixture.read('totals')).length === 1);
    expect(run.failures).toEqual([]);
    await run.stop();
  });

  it('stops by name when it comes again and again, and the others go on', async () => {
    const run = fixture.run({ codec: breaking(3), unknownErrors: 3 });
    await run.ready();
    await fixture.publish(add('a', 'e1', { amount: 3 }));
    await eventually('it has stopped', () => run.failures.length === 1);
    expect(run.failures[0]).toMatch(/3 terms in a row .* 'no such field'/);
    const other = ['b', 'c', 'd', 'e'].find(
      (key) => fixture.partitionOf(key) !== fixture.partitionOf('a'),
    );
    await fixture.publish(add(other ?? '', 'e2', { amount: 1 }));
    await eventually('another goes on', async () => (await fixture.read('totals')).length === 1);
    await run.stop();
  });
});
