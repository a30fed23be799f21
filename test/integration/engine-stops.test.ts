import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { actor } from '../../engine/actor.ts';
import type { KafkaClient } from '../../kafka/client.ts';
import { withAlteredReader } from '../support/altered-reader.ts';
import { actualCounts } from '../support/counter-model.ts';
import { add, adder, countEvent, watcher } from '../support/counter.ts';
import { EngineFixture } from '../support/engine-fixture.ts';
import { eventually } from '../support/eventually.ts';

let fixture: EngineFixture;
beforeEach(async () => {
  fixture = await EngineFixture.start();
});
afterEach(() => fixture.end());

/** Runs the application over some additions of one key, and stops it. */
async function worked(): Promise<void> {
  const run = await fixture.running();
  await fixture.publish(countEvent('count.factor', 'all', 'f1', { amount: 2 }));
  await eventually('the factor is journaled', async () => {
    const { state } = await fixture.restored(fixture.partitionOf('all'));
    return state.references.has('factor');
  });
  await fixture.publish(...[1, 2, 3].map((amount) => add('a', `e${amount}`, { amount })));
  await run.handled(6);
  await run.stop();
}

async function makeAnew(logical: string): Promise<void> {
  const name = fixture.names.physical(logical);
  await fixture.admin.deleteTopics([name]);
  await eventually(`${name} is gone`, async () => {
    return !(await fixture.admin.listTopics()).includes(name);
  });
  await fixture.createTopic(logical);
}

/** A client whose readers find nothing on a topic. */
const withholding = (logical: string): KafkaClient =>
  withAlteredReader(fixture.client, (answer) =>
    answer.topic === fixture.names.physical(logical) ? { ...answer, records: [] } : answer,
  );

const failureOf = async (options = {}): Promise<string> => {
  const run = fixture.run(options);
  await eventually('a task has stopped', () => run.failures.length > 0);
  expect(run.status.tasks.some(({ status }) => status === 'failed')).toBe(true);
  const failure = run.failures.join('\n');
  await run.stop();
  return failure;
};

describe('what stops a task by name', () => {
  it('J6 a journal that was written split while this process runs fused', async () => {
    await worked();
    expect(await failureOf({ definition: { deployment: 'split' } })).toContain('was written fused');
  });

  it('J4 a source that was made anew under the same name', async () => {
    await worked();
    await makeAnew('adds');
    await fixture.publish(...[1, 2, 3, 4].map((amount) => add('a', `n${amount}`, { amount })));
    expect(await failureOf()).toContain('was made anew under the same name');
  });

  it('J4 a source that no longer holds the position', async () => {
    await worked();
    const { partition } = fixture.recordOf(add('a', 'e4', { amount: 4 }));
    await fixture.publish(add('a', 'e4', { amount: 4 }), add('a', 'e5', { amount: 5 }));
    await fixture.admin.deleteRecords(fixture.names.physical('adds'), partition, 4);
    expect(await failureOf()).toContain('the journal says 3 is next, but the topic holds 4…5');
  });

  it('J4 a source made anew while it is read, though it holds the position again', async () => {
    const run = await fixture.running();
    await fixture.publish(...[1, 2, 3].map((amount) => add('a', `e${amount}`, { amount })));
    await run.handled(6);
    await makeAnew('adds');
    await fixture.publish(...[1, 2, 3, 4, 5].map((amount) => add('a', `n${amount}`, { amount })));
    await eventually('a task has stopped', () => run.failures.length > 0);
    expect(run.failures[0]).toContain('was made anew under the same name');
  });
});

describe('what does not stop it', () => {
  it('J4 goes on without old reference data, from what the topic holds now', async () => {
    await worked();
    await makeAnew('factors');
    await fixture.publish(countEvent('count.factor', 'all', 'f2', { amount: 10 }));
    const run = await fixture.running();
    await eventually('the new factor is journaled', async () => {
      const { state } = await fixture.restored(fixture.partitionOf('all'));
      return state.references.get('factor')?.get('all')?.version === 'f2';
    });
    await run.stop();
  });

  it('drops reference data that was truncated while it was stopped', async () => {
    await worked();
    const partition = fixture.partitionOf('all');
    await fixture.publish(
      countEvent('count.factor', 'all', 'f2', { amount: 3 }),
      countEvent('count.factor', 'all', 'f3', { amount: 4 }),
    );
    await fixture.admin.deleteRecords(fixture.names.physical('factors'), partition, 2);
    const run = await fixture.running();
    await eventually('the newest factor is journaled', async () => {
      const { state } = await fixture.restored(partition);
      return state.references.get('factor')?.get('all')?.version === 'f3';
    });
    await run.stop();
  });
});

describe('a changed graph', () => {
  const auditor = actor<{ seen: number[] }>({
    name: 'auditor',
    state: { version: 1, initial: () => ({ seen: [] }) },
    emits: [],
    handles: {
      'count.total': (state, message) => ({
        state: { seen: [...state.seen, (message.payload as { total: number }).total] },
      }),
    },
  });
  const withAuditor = { actors: [adder, watcher, auditor] };

  it('J6 handles what is still on its way back before anything later', async () => {
    const first = await fixture.running({ client: withholding('totals') });
    await fixture.publish(add('a', 'e1', { amount: 1 }), add('a', 'e2', { amount: 2 }));
    await first.handled(4);
    await first.stop();
    // Two totals of the old graph are between publish and return.
    const { partition } = fixture.recordOf(add('a', 'e3', { amount: 4 }));
    const { positions } = (await fixture.restored(partition)).state;
    expect(positions.get('totals')?.offset ?? 0).toBe(0);
    expect(await fixture.read('totals')).toHaveLength(2);
    await fixture.publish(add('a', 'e3', { amount: 4 }));
    const second = await fixture.running({ definition: withAuditor });
    await eventually('the new actor has seen the third total', async () => {
      const seen = (await fixture.states('auditor')).get('a') as { seen: number[] } | undefined;
      return seen?.seen.includes(7) === true;
    });
    await second.stop();
    expect((await fixture.states('auditor')).get('a')).toEqual({ seen: [1, 3, 7] });
    const { totals, watcher: watched } = await actualCounts(fixture);
    expect(watched.get('a')).toEqual({ seen: [1, 3, 7] });
    expect(totals.get('a')?.map(([, total]) => total)).toEqual([1, 3, 7]);
  });

  it('J6 goes back to the old graph as carefully', async () => {
    const first = await fixture.running({ definition: withAuditor });
    await fixture.publish(add('a', 'e1', { amount: 1 }));
    await first.handled(3);
    await first.stop();
    const second = await fixture.running();
    await fixture.publish(add('a', 'e2', { amount: 2 }));
    await second.handled(2);
    await second.stop();
    expect((await fixture.states('watcher')).get('a')).toEqual({ seen: [1, 3] });
    expect((await fixture.states('auditor')).get('a')).toEqual({ seen: [1] });
  });
});
