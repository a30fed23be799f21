import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Codec } from '../../engine/codec.ts';
import { MemoryKafka } from '../../testing/memory-kafka.ts';
import { DESK } from '../support/desk.ts';
import { EngineFixture, PARTITIONS } from '../support/engine-fixture.ts';
import { eventually } from '../support/eventually.ts';
import { firstEvent } from '../support/test-application.ts';

const COUNTS = { 'desk.report': 2_000, 'desk.order': 1_000, 'desk.alarm': 400 };

/** Those of the desk, and of operators: commands and dead letters that come back. */
const SOURCES = 3 + 2;

let fixture: EngineFixture;
beforeEach(async () => {
  fixture = await EngineFixture.start({ application: DESK, client: new MemoryKafka() });
});
afterEach(() => fixture.end());

/** A codec that knows no event, and learns none, until the gate is opened. */
function gated(codec: Codec): { readonly codec: Codec; readonly open: () => void } {
  let isOpen = false;
  const { promise, resolve } = Promise.withResolvers<void>();
  const open = (): void => {
    isOpen = true;
    resolve();
  };
  return {
    open,
    codec: {
      encode: (topic, record, value) => codec.encode(topic, record, value),
      decode: (bytes) => codec.decode(bytes),
      knows: (bytes) => isOpen || !codec.decode(bytes).record.startsWith('test.desk'),
      learn: () => promise,
    },
  };
}

describe('a task with a backlog', () => {
  it('E-11 J7 takes the highest class first, the lower ones in between, and journals that order', async () => {
    for (const [type, count] of Object.entries(COUNTS))
      await fixture.publish(
        ...Array.from({ length: count }, (_, number) =>
          firstEvent(type, `key-${number % 97}`, `${type}-${number}`, { number, note: '' }),
        ),
      );
    const { codec, open } = gated(fixture.codec);
    const fetched = new Set<string>();
    let handled = 0;
    const run = fixture.run({
      codec,
      onLag: (topic, partition, records) => {
        if (records === 0) fetched.add(`${topic}/${partition}`);
      },
      onHandled: () => (handled += 1),
    });
    await eventually('all of it waits', () => fetched.size === SOURCES * PARTITIONS);
    open();
    await eventually('all of it is handled', () => handled === 3_400);
    await run.stop();
    for (let partition = 0; partition < PARTITIONS; partition++) {
      const inputs = (await fixture.journal(partition)).flatMap(([, entry]) =>
        entry.kind === 'batch' ? entry.batch.inputs : [],
      );
      const topics = inputs.map(({ topic }) => topic);
      const untilLastAlarm = topics.slice(0, topics.lastIndexOf('alarms'));
      const share = untilLastAlarm.filter((topic) => topic === 'alarms').length;
      expect(share / untilLastAlarm.length).toBeGreaterThan(0.88);
      expect(share / untilLastAlarm.length).toBeLessThan(0.95);
      expect(untilLastAlarm).toContain('orders');
      for (const topic of ['alarms', 'orders', 'reports']) {
        const offsets = inputs.flatMap((input) => (input.topic === topic ? [input.offset] : []));
        expect(offsets).toEqual(offsets.map((_, index) => index));
      }
    }
  });
});
