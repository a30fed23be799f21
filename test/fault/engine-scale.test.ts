import { setTimeout as pause } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { actualCounts, expectedCounts, repeated, settled } from '../support/counter-model.ts';
import { add } from '../support/counter.ts';
import { EngineFixture, PARTITIONS } from '../support/engine-fixture.ts';
import type { EngineRun } from '../support/engine-run.ts';
import { eventually } from '../support/eventually.ts';

let fixture: EngineFixture;
beforeEach(async () => {
  fixture = await EngineFixture.start();
});
afterEach(() => fixture.end());

/** Adds to 53 keys until aborted. */
async function load(signal: AbortSignal): Promise<void> {
  for (let sent = 0; !signal.aborted;) {
    const batch = Array.from({ length: 20 }, () => {
      sent += 1;
      return add(`key-${(sent * 7) % 53}`, `e${sent}`, { amount: 1_000 + (sent % 10) });
    });
    await fixture.publish(...batch);
    await pause(30);
  }
}

const running = (run: EngineRun): number =>
  run.status.tasks.filter(({ status }) => status === 'running').length;

/** Every run has its share of the tasks, and works. */
async function share(...runs: readonly EngineRun[]): Promise<void> {
  await eventually('each has its share', () =>
    runs.every((run) => running(run) === PARTITIONS / runs.length),
  );
  const before = runs.map(({ counts }) => counts.handled);
  await eventually('each works', () =>
    runs.every(({ counts }, index) => counts.handled > (before[index] ?? 0)),
  );
}

describe('members under load', () => {
  it('J5a J5b come, go and are restarted one after the other; nothing is lost, doubled or disordered', async () => {
    const loaded = new AbortController();
    const loading = load(loaded.signal);
    const first = await fixture.running();
    await share(first);
    // Scaled out: what stays where it is goes on under its term.
    const second = fixture.run({ instanceId: 'counter.2' });
    await share(first, second);
    const kept = first.status.tasks.map(({ partition }) => partition);
    // Restarted, one after the other: each comes back to its tasks.
    await first.stop('stay');
    const firstAgain = fixture.run({ instanceId: 'counter.1' });
    await share(firstAgain, second);
    expect(firstAgain.status.tasks.map(({ partition }) => partition)).toEqual(kept);
    await second.stop('stay');
    const secondAgain = fixture.run({ instanceId: 'counter.2' });
    await share(firstAgain, secondAgain);
    // Scaled in: the others take over at once.
    await firstAgain.stop('leave');
    await share(secondAgain);
    loaded.abort();
    await loading;
    await secondAgain.stop('leave');
    await settled(fixture);
    console.log(`${await repeated(fixture, 'totals')} totals stand twice`);
    expect(await actualCounts(fixture)).toEqual(await expectedCounts(fixture));
  }, 180_000);
});
