import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Deployment, deployTopology } from '../../engine/deployment.ts';
import { MemoryKafka } from '../../testing/memory-kafka.ts';
import { add, COUNTER } from '../support/counter.ts';
import { EngineFixture } from '../support/engine-fixture.ts';
import type { EngineRun } from '../support/engine-run.ts';
import { eventually } from '../support/eventually.ts';

let fixture: EngineFixture;
beforeEach(async () => {
  fixture = await EngineFixture.start({ client: new MemoryKafka() });
  for (const topology of deployTopology(COUNTER, 'split'))
    await fixture.createMissingTopics(topology);
});
afterEach(() => fixture.end());

const start = (deployment: Deployment): readonly EngineRun[] =>
  deployTopology(COUNTER, deployment).map((topology) => fixture.run({ topology }));

/** Runs the counter until it has handled an addition of each partition's keys, and stops it. */
async function work(deployment: Deployment): Promise<void> {
  const runs = start(deployment);
  await Promise.all(runs.map((run) => run.ready()));
  await fixture.publish(add('key-1', 'e1', { amount: 1 }));
  await eventually(
    'the addition is seen',
    async () => (await fixture.readOnce('rm.count')).length === 1,
  );
  await Promise.all(runs.map((run) => run.stop()));
}

async function failuresOf(deployment: Deployment): Promise<readonly string[]> {
  const runs = start(deployment);
  await eventually('every task has stopped', () =>
    runs.every(({ status }) => status.tasks.filter((task) => task.failure).length === 4),
  );
  return runs.flatMap((run) => run.failures);
}

describe('the deployment of an application', () => {
  it('J6 refuses to run split what was run fused, each of its applications', async () => {
    await work('fused');
    const failures = await failuresOf('split');
    expect(failures).toHaveLength(8);
    expect(failures[0]).toMatch(
      /started split, but .*counter\.journal was written fused.*DEPLOYMENT/,
    );
    expect(await fixture.readOnce('totals')).toHaveLength(1);
  });

  it('J6 refuses to run fused what was run split', async () => {
    await work('split');
    const failures = await failuresOf('fused');
    expect(failures).toHaveLength(4);
    expect(failures[0]).toMatch(/was written split/);
    expect(await fixture.readOnce('totals')).toHaveLength(1);
  });

  it('J6 takes the other one as long as nothing was handled', async () => {
    const fused = start('fused');
    await Promise.all(fused.map((run) => run.ready()));
    await Promise.all(fused.map((run) => run.stop()));
    await work('split');
  });
});
