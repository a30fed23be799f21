import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Fence, JOURNAL_RECORD } from '../../engine/journal.ts';
import type { RecordToSend } from '../../kafka/client.ts';
import { actualCounts, expectedCounts, repeated, settled } from '../support/counter-model.ts';
import { add } from '../support/counter.ts';
import { EngineFixture } from '../support/engine-fixture.ts';
import { DOUBLER } from '../support/engine-run.ts';
import { eventually } from '../support/eventually.ts';
import { type Faults, faultyClient, unknownResults } from '../support/faulty-client.ts';
import { emptyBatch } from '../support/journal-entries.ts';

let fixture: EngineFixture;
beforeEach(async () => {
  fixture = await EngineFixture.start();
});
afterEach(() => fixture.end());

/** The task of key `a`. */
const partition = (): number => fixture.partitionOf('a');

const strangersFence = (): Fence => ({
  application: 'counter',
  task: partition(),
  member: 'stranger',
  host: 'elsewhere',
  generation: 1,
  deployment: 'fused',
  edges_hash: fixture.topology().edgesHash,
  time: 1,
});

function isOfJournal(records: readonly RecordToSend[]): boolean {
  return records[0]?.topic.endsWith('.journal') === true;
}

/** Whether a request appends a batch, and not a fence. */
function isBatch(records: readonly RecordToSend[]): boolean {
  const value = records[0]?.value;
  if (!isOfJournal(records) || !value) return false;
  return fixture.codec.decode(value).record === JOURNAL_RECORD.batch;
}

async function fences(): Promise<number> {
  return (await fixture.journal(partition())).filter(([, { kind }]) => kind === 'fence').length;
}

describe('an append whose result is unknown', () => {
  it.each([
    ['and the broker took it', 'taken'],
    ['and the broker did not take it', 'lost'],
    ['and the broker takes it behind the next fence', 'late'],
  ] as const)('J3a ends the term, loses and doubles nothing: %s', async (_what, fate) => {
    const faults: Faults = {};
    const run = await fixture.running({ client: faultyClient(fixture.client, faults) });
    await fixture.publish(add('a', 'e0', { amount: 1_000 }));
    await run.handled(2);
    const unknowns = (): number =>
      run.counts.complaints.filter((text) => text.includes('is unknown')).length;
    // A topic that was created just now may have none to lead it yet.
    const before = unknowns();
    let isFirst = true;
    let late: { readonly partition: number; send(): Promise<unknown> } | null = null;
    faults.produce = async (records, send) => {
      const place = records[0]?.partition ?? -1;
      if (isBatch(records) && isFirst) {
        isFirst = false;
        if (fate === 'taken') await send(records);
        if (fate === 'late') late = { partition: place, send: () => send(records) };
        return unknownResults(records);
      }
      const results = await send(records);
      if (isOfJournal(records) && late?.partition === place) {
        // This was the fence of the next term.
        const { send: sendLate } = late;
        late = null;
        await sendLate();
      }
      return results;
    };
    for (let index = 1; index <= 12; index++)
      await fixture.publish(
        add('a', `e${index}`, { amount: 1_000 }),
        add('b', `f${index}`, { amount: 1 }),
      );
    await eventually('every addition has its total', async () => {
      return (await fixture.readOnce('totals')).length === 25;
    });
    await run.stop();
    expect(unknowns() - before).toBe(1);
    expect(await actualCounts(fixture)).toEqual(await expectedCounts(fixture));
    expect(await repeated(fixture, 'totals')).toBe(0);
    const read = await Promise.all([0, 1, 2, 3].map((each) => fixture.restored(each)));
    expect(read.reduce((sum, { voidBatches }) => sum + voidBatches, 0)).toBe(
      fate === 'late' ? 1 : 0,
    );
  });
});

describe('an owner that was fenced', () => {
  it('J1 J2 J5a shows nothing of a void batch, and comes back after a heartbeat', async () => {
    const performed: unknown[] = [];
    const performers = {
      'count.double': (args: unknown) => {
        performed.push(args);
        return DOUBLER['count.double'](args);
      },
    };
    const run = await fixture.running({ performers, sessionTimeoutMs: 3_000 });
    await fixture.publish(add('a', 'e1', { amount: 1_000 }));
    await run.handled(2);
    await fixture.appendToJournal(partition(), JOURNAL_RECORD.fence, strangersFence());
    await fixture.publish(
      add('a', 'e2', { amount: 3 }),
      add('a', 'e3', { amount: 5, fail: 'effect' }),
    );
    await eventually('it has noticed', () => run.counts.fenced === 1);
    expect(await fixture.read('totals')).toHaveLength(1);
    expect(performed).toEqual([]);
    await eventually('the effect has its total', async () => {
      return (await fixture.read('totals')).length === 3;
    });
    await run.stop();
    expect(performed).toEqual([{ amount: 5 }]);
    expect((await actualCounts(fixture)).totals.get('a')).toEqual([
      ['e1', 1_000],
      ['e2', 1_003],
      ['e3', 1_013],
    ]);
    expect((await fixture.restored(partition())).voidBatches).toBe(1);
    // The first owner's, the stranger's, and the one after the heartbeat.
    expect(await fences()).toBe(3);
  });

  it('J2 does not count its late batches, though they carry the right number', async () => {
    const first = await fixture.running();
    await fixture.publish(add('a', 'e1', { amount: 1_000 }));
    await first.handled(2);
    await first.stop();
    const second = await fixture.running();
    await second.stop();
    const journal = await fixture.journal(partition());
    const oldFence = journal.find(([, { kind }]) => kind === 'fence')?.[0] ?? -1;
    const { n } = (await fixture.restored(partition())).state;
    await fixture.appendToJournal(
      partition(),
      JOURNAL_RECORD.batch,
      emptyBatch(oldFence, n + 1, {
        states: [{ actor: 'adder', key: 'a', version: 1, value: '{"total":666000}' }],
        emits: [
          {
            index: 0,
            topic: 'rm.count',
            partition: partition(),
            key: Buffer.from('a'),
            value: fixture.codec.encode('rm.count', 'test.count.Count', { total: 666_000 }),
            headers: {},
          },
        ],
      }),
    );
    const third = await fixture.running();
    expect(third.counts.voidBatches).toBe(1);
    await fixture.publish(add('a', 'e2', { amount: 1 }));
    await third.handled(2);
    await third.stop();
    expect(await actualCounts(fixture)).toEqual(await expectedCounts(fixture));
  });
});

describe('two members', () => {
  it('share the tasks, and take over from each other under load', async () => {
    const first = await fixture.running({ instanceId: 'counter.1', sessionTimeoutMs: 3_000 });
    let sent = 0;
    const loadUntil = async (isDone: () => boolean): Promise<void> => {
      await eventually('the members have settled', async () => {
        await fixture.publish(
          ...Array.from({ length: 10 }, () => {
            sent += 1;
            return add(`key-${sent % 31}`, `e${sent}`, { amount: 1_000 });
          }),
        );
        return isDone();
      });
    };
    const second = fixture.run({ instanceId: 'counter.2', sessionTimeoutMs: 3_000 });
    const runs = (run: typeof first, tasks: number): boolean =>
      run.status.tasks.length === tasks &&
      run.status.tasks.every(({ status }) => status === 'running');
    await loadUntil(() => runs(first, 2) && runs(second, 2));
    await first.stop('leave');
    await loadUntil(() => runs(second, 4));
    await second.stop('leave');
    await settled(fixture);
    expect(sent).toBeGreaterThan(20);
    expect(await actualCounts(fixture)).toEqual(await expectedCounts(fixture));
  });
});
