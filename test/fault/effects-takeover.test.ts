import { readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { add } from '../support/counter.ts';
import {
  mostAtOnce,
  overlaps,
  trace as note,
  traced,
  type TraceLine,
} from '../support/effect-trace.ts';
import { EngineFixture, PARTITIONS } from '../support/engine-fixture.ts';
import { EngineProcess } from '../support/engine-process.ts';
import { eventually } from '../support/eventually.ts';

const KEYS = 100;
const EFFECTS_PER_KEY = 12;

let fixture: EngineFixture;
let folder: string;
const processes: EngineProcess[] = [];
beforeEach(async () => {
  fixture = await EngineFixture.start();
  folder = await mkdtemp(join(tmpdir(), 'millrace-effects-'));
  await writeFile(join(folder, 'trace'), '');
});
afterEach(async () => {
  await Promise.all(processes.splice(0).map((each) => each.kill()));
  await fixture.end();
  await rm(folder, { recursive: true, force: true });
});

function start(instanceId: string, tasks: number, traced = true): EngineProcess {
  const { prefix } = fixture.names;
  const traceFile = traced ? { traceFile: join(folder, 'trace') } : {};
  const started = new EngineProcess({ prefix, instanceId, ...traceFile, tasks });
  processes.push(started);
  return started;
}

const trace = (): readonly TraceLine[] => traced(readFileSync(join(folder, 'trace'), 'utf8'));

/** Effects of each key; each fails once, and takes its time. */
const asked = () =>
  Array.from({ length: EFFECTS_PER_KEY }, (_, nth) =>
    Array.from({ length: KEYS }, (_, key) =>
      add(`key-${key}`, `key-${key}/${nth}`, { amount: 1_000, fail: `ladder-${key}` }),
    ),
  ).flat();

const done = (): number => trace().filter(({ what }) => what === 'done').length;

describe('effects', () => {
  it('K-01 of 100 keys run at once and those of a key never do, over retries, a kill and a handover', async () => {
    const first = start('counter.1', PARTITIONS);
    await first.ready();
    const second = start('counter.2', PARTITIONS / 2);
    await second.ready();
    await fixture.publish(...asked());
    await eventually('the first are done', () => done() >= KEYS / 2);
    await second.kill();
    note(join(folder, 'trace'), { pid: second.pid, what: 'killed', key: '', id: '' });
    await eventually('another owner goes on', () => done() >= 2 * KEYS, 60_000);
    const third = start('counter.3', PARTITIONS / 2);
    await third.ready();
    await eventually(
      'all have their totals',
      async () => (await fixture.readOnce('totals')).length === KEYS * EFFECTS_PER_KEY,
      60_000,
    );
    await eventually('every result is journaled', async () => {
      const states = await Promise.all(
        Array.from({ length: PARTITIONS }, (_, partition) => fixture.restored(partition)),
      );
      return states.every(({ state }) => state.effects.size === 0);
    });
    const lines = trace();
    expect(overlaps(lines)).toEqual([]);
    expect(mostAtOnce(lines)).toBeGreaterThanOrEqual(KEYS);
    expect(lines.filter(({ what }) => what === 'failed').length).toBeGreaterThanOrEqual(KEYS);
    for (let key = 0; key < KEYS; key++) {
      const order = lines
        .filter((line) => line.key === `key-${key}` && line.what === 'done')
        .map(({ id }) => id);
      const expected = Array.from({ length: EFFECTS_PER_KEY }, (_, nth) => `key-${key}/${nth}`);
      expect([...new Set(order)]).toEqual(expected);
    }
  }, 180_000);

  it('are left to the new owner by one that was stopped past its session and goes on', async () => {
    const first = start('counter.1', PARTITIONS / 2, false);
    const second = start('counter.2', PARTITIONS / 2, false);
    await Promise.all([first.ready(), second.ready()]);
    const amounts = Array.from({ length: 40 }, (_, nth) => nth + 1);
    // Due in 3 s: journaled before the stop, performed after it.
    await fixture.publish(
      ...amounts.map((amount) => add(`key-${amount}`, `${amount}`, { amount, fail: 'later' })),
    );
    const appended = (): number => first.appended + second.appended;
    await eventually('all are journaled', () => appended() === amounts.length);
    first.signal('SIGSTOP');
    const before = performedBy(first).length;
    await eventually(
      'the other one performs them all',
      () => before + performedBy(second).length >= amounts.length,
      60_000,
    );
    first.signal('SIGCONT');
    // What it wanted to do on waking up, it has done before it handles anything as an owner again.
    const handled = first.appended;
    let nth = 0;
    await eventually(
      'it takes part again',
      async () => {
        await fixture.publish(add(`key-${++nth}`, `more-${nth}`, { amount: 1 }));
        return first.appended > handled;
      },
      60_000,
    );
    const all = [...performedBy(first), ...performedBy(second)];
    expect(all.toSorted((left, right) => left - right)).toEqual(amounts);
    expect(performedBy(second).length).toBeGreaterThan(amounts.length / 4);
  }, 120_000);
});

/** Amounts of the effects that a process has begun. */
function performedBy({ lines }: EngineProcess): readonly number[] {
  return lines.flatMap((line) =>
    'performing' in line ? [(line.performing as { readonly amount: number }).amount] : [],
  );
}
