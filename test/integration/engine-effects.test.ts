import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { actualCounts } from '../support/counter-model.ts';
import { add, LATER_MICROS } from '../support/counter.ts';
import { EngineFixture, PARTITIONS } from '../support/engine-fixture.ts';
import { DOUBLER, type EngineRun } from '../support/engine-run.ts';
import { eventually } from '../support/eventually.ts';

let fixture: EngineFixture;
beforeEach(async () => {
  fixture = await EngineFixture.start();
});
afterEach(() => fixture.end());

/** Performs when told to, and notes what it was asked for, when, and how much at once. */
class Performer {
  readonly amounts: number[] = [];
  readonly startedAtMs: number[] = [];
  inFlight = 0;
  most = 0;
  #open = Promise.withResolvers<void>();

  release(): void {
    this.#open.resolve();
  }

  readonly performers = {
    'count.double': async (args: unknown): Promise<unknown> => {
      this.amounts.push((args as { readonly amount: number }).amount);
      this.startedAtMs.push(Date.now());
      this.inFlight += 1;
      this.most = Math.max(this.most, this.inFlight);
      await this.#open.promise;
      this.inFlight -= 1;
      return DOUBLER['count.double'](args);
    },
  };
}

const asked = (keys: number) =>
  Array.from({ length: keys }, (_, index) =>
    add(`key-${index}`, `e${index}`, { amount: 1_000 + index, fail: 'effect' }),
  );

const totals = async (): Promise<number> => (await fixture.read('totals')).length;

/** Results are inputs of batches: nothing is open in any journal. */
async function allSettled(run: EngineRun): Promise<void> {
  await run.stop();
  for (let partition = 0; partition < PARTITIONS; partition++)
    expect((await fixture.restored(partition)).state.effects.size).toBe(0);
}

describe('effects', () => {
  it('of 100 keys are under way at once, and each result reaches its key', async () => {
    const performer = new Performer();
    const run = await fixture.running({ performers: performer.performers });
    await fixture.publish(...asked(100));
    await eventually('all are under way', () => performer.inFlight === 100);
    expect(await totals()).toBe(0);
    performer.release();
    await eventually('all have their totals', async () => (await totals()) === 100);
    await allSettled(run);
    const { adder } = await actualCounts(fixture);
    for (let index = 0; index < 100; index++)
      expect(adder.get(`key-${index}`)).toEqual({ total: 2 * (1_000 + index) });
  });

  it('of one task are never more than the limit at once', async () => {
    const performer = new Performer();
    const run = await fixture.running({ performers: performer.performers, effectConcurrency: 2 });
    await fixture.publish(...asked(40));
    await eventually('the first are under way', () => performer.inFlight === 2 * PARTITIONS);
    performer.release();
    await eventually('all have their totals', async () => (await totals()) === 40);
    expect(performer.most).toBe(2 * PARTITIONS);
    await allSettled(run);
  });

  it('are not performed before they are due, also after a restart', async () => {
    const performer = new Performer();
    performer.release();
    const first = await fixture.running({ performers: performer.performers });
    await fixture.publish(add('a', 'e1', { amount: 1_000, fail: 'later' }));
    const partition = fixture.partitionOf('a');
    await eventually('it is journaled', async () => {
      return (await fixture.restored(partition)).state.effects.size === 1;
    });
    await first.stop();
    const due = ((await fixture.restored(partition)).state.time + LATER_MICROS) / 1000;
    const second = await fixture.running({ performers: performer.performers });
    await eventually('it has its total', async () => (await totals()) === 1);
    await allSettled(second);
    expect(performer.amounts).toEqual([1_000]);
    expect(performer.startedAtMs[0]).toBeGreaterThanOrEqual(Math.floor(due));
  });

  it('fail by the code of their error, and the key goes on', async () => {
    const performers = {
      'count.double': () => Promise.reject(Object.assign(new Error('no gas'), { code: 'NO_GAS' })),
    };
    const run = await fixture.running({ performers });
    await fixture.publish(
      add('a', 'e1', { amount: 1_000, fail: 'effect' }),
      add('a', 'e2', { amount: 1_000 }),
    );
    await eventually('both have their totals', async () => (await totals()) === 2);
    await allSettled(run);
    const inputs = (await fixture.journal(fixture.partitionOf('a'))).flatMap(([, entry]) =>
      entry.kind === 'batch' ? entry.batch.inputs : [],
    );
    const result = inputs.find(({ kind }) => kind === 'effect')?.data;
    expect(JSON.parse(result ?? '{}')).toMatchObject({ ok: false, id: 'double', code: 'NO_GAS' });
  });
});
