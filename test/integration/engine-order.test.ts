import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { actualCounts, expectedCounts, repeated } from '../support/counter-model.ts';
import { add } from '../support/counter.ts';
import { EngineFixture, PARTITIONS } from '../support/engine-fixture.ts';
import type { EngineRun } from '../support/engine-run.ts';
import { eventually } from '../support/eventually.ts';

let fixture: EngineFixture;
beforeEach(async () => {
  fixture = await EngineFixture.start();
});
afterEach(() => fixture.end());

const additions = (keys: number, rounds: number, from = 0) =>
  Array.from({ length: keys * rounds }, (_, index) =>
    add(`key-${index % keys}`, `e${from + index}`, { amount: 1_000 + index }),
  );

/** Both actors have handled every addition there is. */
const handled = (run: EngineRun, count: number): Promise<void> => run.handled(count);

describe('order and exactly one output per input', () => {
  it('K-05 keeps the order of each of 1,000 interleaved keys, one output per input', async () => {
    const run = await fixture.running();
    const events = additions(1_000, 3);
    for (let from = 0; from < events.length; from += 500)
      await fixture.publish(...events.slice(from, from + 500));
    await handled(run, 2 * events.length);
    await run.stop();
    const actual = await actualCounts(fixture);
    expect(actual).toEqual(await expectedCounts(fixture));
    expect(actual.totals.size).toBe(1_000);
    expect(await repeated(fixture, 'totals')).toBe(0);
    for (const { key, decoded } of await fixture.read('totals')) {
      const { envelope } = decoded as { envelope: { correlation_id: string } };
      expect(Buffer.from(key ?? []).toString()).toBe(envelope.correlation_id);
    }
  });

  it('B-81 takes what was published while it was stopped, a backlog beyond its queue included', async () => {
    const stopped = await fixture.running();
    await fixture.publish(...additions(10, 1));
    await handled(stopped, 20);
    await stopped.stop();
    // One partition with more than the records that may wait in front of a task.
    const busy = fixture.recordOf(add('key-0', 'x', { amount: 1 }));
    const count = 12_000;
    const many = Array.from({ length: count }, (_, index) =>
      fixture.recordOf(add(`key-0`, `late-${index}`, { amount: 0, fail: 'dead' })),
    );
    for (let from = 0; from < count; from += 2_000)
      await fixture.send(...many.slice(from, from + 2_000));
    const run = await fixture.running();
    await handled(run, count);
    const end = (await fixture.admin.offsets(fixture.names.physical('dlq.count.add')))[
      busy.partition
    ]?.end;
    expect(end).toBeGreaterThan(0);
    await run.stop();
    expect(await fixture.readOnce('dlq.count.add')).toHaveLength(count);
  });

  it('J1 publishes nothing that its journal does not list', async () => {
    const run = await fixture.running();
    await fixture.publish(...additions(50, 4));
    await handled(run, 400);
    await run.stop();
    const journaled = new Set<string>();
    for (let partition = 0; partition < PARTITIONS; partition++)
      for (const [, entry] of await fixture.journal(partition))
        if (entry.kind === 'batch')
          for (const emit of entry.batch.emits)
            journaled.add(`${emit.topic} counter/${partition}/${entry.batch.n}/${emit.index}`);
    const published = [...(await fixture.read('totals')), ...(await fixture.read('rm.count'))].map(
      ({ topic, headers }) => `${fixture.names.logical(topic)} ${headers['origin']}`,
    );
    expect(published.sort()).toEqual([...journaled].sort());
  });

  it('J4 never lets the offsets of the group lead the journal', async () => {
    const run = await fixture.running();
    await fixture.publish(...additions(20, 10));
    await handled(run, 400);
    await run.stop();
    const committed = await fixture.admin.groupOffsets(fixture.names.physical('counter'));
    const adds = committed.filter(({ topic }) => topic === fixture.names.physical('adds'));
    expect(adds.length).toBe(PARTITIONS);
    for (const { topic, partition, offset } of committed) {
      const { state } = await fixture.restored(partition);
      const position = state.positions.get(fixture.names.logical(topic))?.offset ?? 0;
      expect(offset).toBeLessThanOrEqual(position);
    }
  });
});

describe('duplicates', () => {
  it('K-06 handles an event id once, before and after a restart', async () => {
    const first = await fixture.running();
    await fixture.publish(add('a', 'e1', { amount: 1 }));
    await fixture.publish(add('a', 'e1', { amount: 1 }));
    await eventually('the copy was dropped', () => first.counts.skipped.includes('event_id'));
    await first.stop();
    const second = await fixture.running();
    await fixture.publish(add('a', 'e1', { amount: 1 }), add('a', 'e2', { amount: 5 }));
    await handled(second, 2);
    await second.stop();
    expect(second.counts.skipped).toContain('event_id');
    expect((await actualCounts(fixture)).totals.get('a')).toEqual([
      ['e1', 1],
      ['e2', 6],
    ]);
  });

  it('J7a drops a record that was published again, by its origin', async () => {
    const run = await fixture.running();
    await fixture.publish(add('a', 'e1', { amount: 1 }));
    await handled(run, 2);
    await eventually('it is published', async () => (await fixture.read('totals')).length === 1);
    const [published] = await fixture.read('totals');
    if (published === undefined) throw new Error('nothing was published');
    await fixture.send(published);
    await eventually('the copy was dropped', () => run.counts.skipped.includes('producer'));
    await run.stop();
    expect((await fixture.states('watcher')).get('a')).toEqual({ seen: [1] });
  });
});

describe('what cannot be handled', () => {
  it('puts undecodable bytes and misplaced keys aside, with where they stood, and goes on', async () => {
    const run = await fixture.running();
    const good = fixture.recordOf(add('a', 'e1', { amount: 1 }));
    const elsewhere = (good.partition + 1) % PARTITIONS;
    await fixture.send({ ...good, value: Buffer.from([9, 9, 9]), headers: { trace: 'x' } });
    await fixture.send({ ...good, partition: elsewhere });
    await fixture.publish(add('a', 'e2', { amount: 5 }));
    await handled(run, 2);
    await run.stop();
    const [undecodable] = await fixture.read('dlq.adds');
    expect(undecodable).toMatchObject({
      partition: good.partition,
      headers: {
        trace: 'x',
        'x-error': 'UNDECODABLE',
        'x-original-topic': 'adds',
        'x-original-partition': String(good.partition),
        'x-original-offset': '0',
        origin: `counter/${good.partition}/1/0`,
      },
    });
    expect([...(undecodable?.value ?? [])]).toEqual([9, 9, 9]);
    const [misplaced] = await fixture.read('dlq.count.add');
    expect(misplaced?.headers).toMatchObject({ 'x-error': 'WRONG_PARTITION', event_id: 'e1' });
    expect((await actualCounts(fixture)).totals.get('a')).toEqual([['e2', 5]]);
  });

  it('parks the key whose handler throws, also over a restart, while other keys flow', async () => {
    const first = await fixture.running();
    await fixture.publish(
      add('a', 'e1', { amount: 1, fail: 'throw' }),
      add('a', 'e2', { amount: 2 }),
      add('b', 'e3', { amount: 3 }),
    );
    await handled(first, 2);
    await eventually('the key is parked', () => first.counts.parked.length > 0);
    await first.stop();
    const second = await fixture.running();
    await fixture.publish(add('a', 'e4', { amount: 4 }), add('b', 'e5', { amount: 5 }));
    await handled(second, 2);
    await second.stop();
    expect([...(await actualCounts(fixture)).totals]).toEqual([
      [
        'b',
        [
          ['e3', 3],
          ['e5', 8],
        ],
      ],
    ]);
    const parked = (await fixture.restored(fixture.partitionOf('a'))).state.parked.get('adder|a');
    expect(parked?.code).toBe('HANDLER_THREW');
    expect(parked?.messages.map(({ eventId }) => eventId)).toEqual(['e1', 'e2', 'e4']);
  });
});
