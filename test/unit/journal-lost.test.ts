import { describe, expect, it } from 'vitest';
import { MemoryStateStore } from '../../engine/memory-state-store.ts';
import type { KafkaAdmin, KafkaClient } from '../../kafka/client.ts';
import { MemoryKafka } from '../../testing/memory-kafka.ts';
import type { MemoryLog } from '../../testing/memory-topic.ts';
import { add } from '../support/counter.ts';
import { EngineFixture } from '../support/engine-fixture.ts';
import type { EngineRun } from '../support/engine-run.ts';
import { eventually } from '../support/eventually.ts';
import { type Faults, faultyClient, unknownResults } from '../support/faulty-client.ts';

const handled = 3;

async function fixtureWithHistory() {
  const kafka = new MemoryKafka();
  const fixture = await EngineFixture.start({ client: kafka });
  const run = await fixture.running({ commitEveryMs: 20 });
  for (let id = 0; id < handled; id++) await fixture.publish(add('a', `e${id}`, { amount: 1_000 }));
  await eventually('the group knows the position', async () => {
    const committed = await fixture.admin.groupOffsets(fixture.names.physical('counter'));
    return committed.some(({ topic, offset }) => topic.endsWith('.adds') && offset === handled);
  });
  return { kafka, fixture, run, journal: fixture.names.physical('counter.journal') };
}

async function madeAnew(fixture: EngineFixture, journal: string): Promise<void> {
  await fixture.admin.deleteTopics([journal]);
  await fixture.createTopic('counter.journal');
}

it('J4 a journal deleted and made again is refused, with its partition and the remedy', async () => {
  const { fixture, run, journal } = await fixtureWithHistory();
  await run.stop();
  await madeAnew(fixture, journal);
  const again = fixture.run();
  await eventually('it has stopped by name', () => again.failures.length > 0);
  const partition = fixture.partitionOf('a');
  expect(again.failures).toEqual([
    expect.stringContaining(`Journal ${journal}/${partition} says that adds was read up to 0`),
  ]);
  expect(again.failures[0]).toContain('Restore the journal topic from a backup; without one');
  expect(again.counts.handled).toBe(0);
  await fixture.end();
});

it('J4 a journal without its acknowledged end is refused', async () => {
  const { kafka, fixture, run, journal } = await fixtureWithHistory();
  const log = kafka.log(journal, fixture.partitionOf('a'));
  // What a stop adds says only what was published: the group has nothing to set against it.
  const lastInput = log.end - 1;
  await run.stop();
  log.lose(lastInput);
  const again = fixture.run();
  await eventually('it has stopped by name', () => again.failures.length > 0);
  expect(again.failures[0]).toContain('acknowledged records are gone');
  expect(again.counts.handled).toBe(0);
  await fixture.end();
});

it('J2 J4 who was fenced while it began has lost nothing, and takes the task again', async () => {
  const { kafka, fixture, run, journal } = await fixtureWithHistory();
  const partition = fixture.partitionOf('a');
  await run.stop();
  const OTHER = 'the task has another owner';
  const client: KafkaClient = {
    producer: () => kafka.producer(),
    reader: () => kafka.reader(),
    joinGroup: (options) => kafka.joinGroup(options),
    admin: () => {
      const admin = kafka.admin();
      const groupOffsets: KafkaAdmin['groupOffsets'] = async (groupId) => {
        const committed = await admin.groupOffsets(groupId);
        if (again.counts.complaints.some((each) => each.includes(OTHER))) return committed;
        // Another owner has fenced, worked and told its group meanwhile; what is looked up is that.
        const [fence] = (await fixture.read('counter.journal')).filter(
          (record) => record.partition === partition,
        );
        const { key = null, value = null } = fence ?? {};
        await fixture.send({ topic: journal, partition, key, value, headers: {} });
        return committed.map((each) =>
          each.partition === partition ? { ...each, offset: each.offset + 5 } : each,
        );
      };
      return new Proxy(admin, {
        get: (of, name) => {
          if (name === 'groupOffsets') return groupOffsets;
          const value: unknown = Reflect.get(of, name);
          return typeof value === 'function' ? value.bind(of) : value;
        },
      });
    },
  };
  const again: EngineRun = fixture.run({ client });
  await fixture.publish(add('a', 'next', { amount: 1_000 }));
  await again.handled(1);
  expect(again.failures).toEqual([]);
  expect(again.counts.complaints.join()).toContain(OTHER);
  await fixture.end();
});

it('J9a J10 a journal that ends before its local store is refused, however often it is tried', async () => {
  const kafka = new MemoryKafka();
  const fixture = await EngineFixture.start({ client: kafka });
  const stores = new Map<number, MemoryStateStore>();
  const openStore = (partition: number): MemoryStateStore => {
    const store = stores.get(partition) ?? new MemoryStateStore();
    stores.set(partition, store);
    return store;
  };
  const run = await fixture.running({ openStore });
  await fixture.publish(add('a', 'e1', { amount: 1_000 }));
  await run.handled(2);
  await run.stop();
  const partition = fixture.partitionOf('a');
  const { offset = 0 } = stores.get(partition)?.checkpoint ?? {};
  kafka.log(fixture.names.physical('counter.journal'), partition).lose(offset - 1);
  for (let tries = 0; tries < 2; tries++) {
    const again = fixture.run({ openStore });
    await eventually('it has stopped by name', () => again.failures.length > 0);
    expect(again.failures[0]).toContain(
      `ends at ${offset - 1}, and the local store has read it up to ${offset}: acknowledged records are gone`,
    );
    await again.stop();
  }
  await fixture.end();
}, 60_000);

it('J3 a journal made again under its owner is refused', async () => {
  const { fixture, run, journal } = await fixtureWithHistory();
  await madeAnew(fixture, journal);
  await fixture.publish(add('a', 'next', { amount: 1_000 }));
  await eventually('it has stopped by name', () => run.failures.length > 0);
  expect(run.failures[0]).toContain('acknowledged records are gone');
  await fixture.end();
});

describe('J3 J10 a journal that loses what its owner had acknowledged is refused by the next term of that owner', () => {
  /** Until then the journal is whole; from the term's next request on it is not. */
  async function withLoss(act: (log: MemoryLog) => void, loses: 'batch' | 'fence') {
    const { kafka, fixture, run, journal } = await fixtureWithHistory();
    await run.stop();
    const faults: Faults = {};
    const partition = fixture.partitionOf('a');
    const log = kafka.log(journal, partition);
    let left = loses === 'fence' ? 1 : 2;
    faults.produce = async (records, send) => {
      const isJournal = records.some(
        (each) => each.topic === journal && each.partition === partition,
      );
      if (!isJournal || left === 0) return send(records);
      const results = await send(records);
      if (--left > 0) return results;
      act(log);
      return loses === 'fence' ? results : unknownResults(records);
    };
    const again = fixture.run({ client: faultyClient(kafka, faults) });
    if (loses === 'batch') await fixture.publish(add('a', 'next', { amount: 1_000 }));
    return { fixture, again };
  }

  it('its newest batches', async () => {
    const { fixture, again } = await withLoss((log) => log.lose(log.end - 3), 'batch');
    await eventually('it has stopped by name', () => again.failures.length > 0);
    expect(again.failures[0]).toMatch(/gave offset \d+ where \d+ was due: acknowledged records/);
    await fixture.end();
  });

  it('its fence, which is not waited for until the watchdog comes', async () => {
    const { fixture, again } = await withLoss((log) => log.lose(log.end - 1), 'fence');
    await eventually('it has stopped by name', () => again.failures.length > 0, 10_000);
    expect(again.failures[0]).toMatch(/gave offset \d+ where \d+ was due: acknowledged records/);
    expect(again.counts.complaints.join()).toMatch(/has ended at \d+ for \d+ ms/);
    expect(again.counts.stalled).toBe(0);
    await fixture.end();
  });
});
