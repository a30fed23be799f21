import { setTimeout as pause } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { actualCounts, expectedCounts, repeated, settled } from '../support/counter-model.ts';
import { add } from '../support/counter.ts';
import { EngineFixture } from '../support/engine-fixture.ts';
import { EngineProcess } from '../support/engine-process.ts';
import { eventually } from '../support/eventually.ts';

/** Rounds of the random test; more of them: `npm run fault:engine -- --rounds 50`. */
const ROUNDS = Number(process.env['ENGINE_ROUNDS'] ?? 5);

let fixture: EngineFixture;
const processes: EngineProcess[] = [];
beforeEach(async () => {
  fixture = await EngineFixture.start();
});
afterEach(async () => {
  await Promise.all(processes.splice(0).map((each) => each.kill()));
  await fixture.end();
});

function start(settings: Partial<ConstructorParameters<typeof EngineProcess>[0]> = {}) {
  const { prefix } = fixture.names;
  const started = new EngineProcess({ prefix, instanceId: 'counter.1', ...settings });
  processes.push(started);
  return started;
}

/** Adds to 53 keys until aborted; resolves with how many additions were sent. */
async function load(signal: AbortSignal): Promise<number> {
  let sent = 0;
  while (!signal.aborted) {
    const batch = Array.from({ length: 20 }, () => {
      sent += 1;
      return add(`key-${(sent * 7) % 53}`, `e${sent}`, { amount: 1_000 + (sent % 10) });
    });
    await fixture.publish(...batch);
    await pause(60);
  }
  return sent;
}

describe('kill -9', () => {
  it(
    'B-81 K-06 at random moments under load loses, doubles and disorders nothing',
    async () => {
      const loaded = new AbortController();
      const loading = load(loaded.signal);
      for (let round = 0; round < ROUNDS; round++) {
        const child = start();
        await child.ready();
        const before = child.appended;
        await eventually('it works', () => child.appended > before);
        await pause(Math.random() * 500);
        await child.kill();
      }
      loaded.abort();
      const sent = await loading;
      await settled(fixture);
      const twice = await repeated(fixture, 'totals');
      console.log(`${sent} additions, ${ROUNDS} kills, ${twice} totals stand twice`);
      expect(await actualCounts(fixture)).toEqual(await expectedCounts(fixture));
      expect(sent).toBeGreaterThan(ROUNDS * 20);
    },
    30_000 + ROUNDS * 10_000,
  );

  it('J5 between journal and publish: the next owner publishes what is missing, in order', async () => {
    const child = start({ swallowsOutputs: true });
    await child.ready();
    const events = Array.from({ length: 200 }, (_, index) =>
      add(`key-${index % 9}`, `e${index}`, { amount: 1_000 }),
    );
    for (let from = 0; from < 200; from += 40)
      await fixture.publish(...events.slice(from, from + 40));
    await eventually('all is journaled', () => child.appended >= 400);
    await child.kill();
    expect(await fixture.read('totals')).toEqual([]);
    expect(await fixture.read('rm.count')).toEqual([]);
    const run = await fixture.running();
    await eventually('it is published', async () => (await fixture.read('totals')).length >= 200);
    await run.stop();
    expect(run.counts.republished).toBe(400);
    expect(run.counts.handled).toBe(0);
    expect(await actualCounts(fixture)).toEqual(await expectedCounts(fixture));
    expect(await repeated(fixture, 'totals')).toBe(0);
  });

  it('B-61 between an effect and its result: it is performed again, and its result counts once', async () => {
    const child = start({ hangsInEffects: true });
    await child.ready();
    await fixture.publish(add('a', 'e1', { amount: 1_000 }));
    await fixture.publish(add('a', 'e2', { amount: 21, fail: 'effect' }));
    await eventually('it is performing', () => child.says('performing'));
    const open = async (): Promise<string[]> => [
      ...(await fixture.restored(fixture.partitionOf('a'))).state.effects.keys(),
    ];
    // Journaled before it was performed, and still open.
    expect(await open()).toEqual(['adder|a|double']);
    await child.kill();
    const again = start();
    await eventually('it is performed again', () => again.says('performing'));
    await eventually('its result is journaled', async () => (await open()).length === 0);
    await again.kill();
    const third = start();
    await third.ready();
    await fixture.publish(add('a', 'e3', { amount: 1 }));
    await eventually('it works', () => third.appended > 0);
    await third.kill();
    const performed = [child, again, third].map(({ lines }) =>
      lines.flatMap((line) => ('performing' in line ? [line.performing] : [])),
    );
    expect(performed).toEqual([[{ amount: 21 }], [{ amount: 21 }], []]);
    const run = await fixture.running();
    await run.stop();
    expect((await actualCounts(fixture)).totals.get('a')).toEqual([
      ['e1', 1_000],
      ['e2', 1_042],
      ['e3', 1_043],
    ]);
  });
});
