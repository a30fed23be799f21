import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { linesOf } from '../../cli/commands/accept-loss.ts';
import { acceptLosses, lossesOf } from '../../cli/loss/accept-loss.ts';
import { add } from '../support/counter.ts';
import { EngineFixture } from '../support/engine-fixture.ts';
import type { EngineRun } from '../support/engine-run.ts';
import { eventually } from '../support/eventually.ts';
import { logSessionOf } from '../support/log-session.ts';

let fixture: EngineFixture;
beforeEach(async () => {
  fixture = await EngineFixture.start();
});
afterEach(() => fixture.end());

const task = (): number => fixture.partitionOf('a');
const options = (from: 'start' | 'end' | null = null) => ({
  topology: fixture.topology(),
  partition: task(),
  from,
});

/** Starts it, and tells how its task of key `a` stopped. */
async function stopped(): Promise<readonly [run: EngineRun, why: string]> {
  const run = fixture.run();
  const failure = (): string | null | undefined =>
    run.status.tasks.find(({ partition }) => partition === task())?.failure;
  await eventually('the task stops', () => typeof failure() === 'string');
  return [run, failure() ?? ''];
}

/** Adds, and tells the total that this makes. */
async function totalAfter(run: EngineRun, id: string, amount: number): Promise<number> {
  await run.ready();
  await fixture.publish(add('a', id, { amount }));
  await eventually('it is handled', async () =>
    (await fixture.journal(task())).some(
      ([, entry]) =>
        entry.kind === 'batch' && entry.batch.inputs.some(({ event_id }) => event_id === id),
    ),
  );
  return ((await fixture.states('adder')).get('a') as { readonly total: number }).total;
}

describe('a task that a topic has lost records in front of', () => {
  beforeEach(async () => {
    const run = await fixture.running();
    for (let nth = 1; nth <= 5; nth++) await fixture.publish(add('a', `e${nth}`, { amount: 1 }));
    await run.handled(10);
    await run.stop();
  });

  it('J4 stops when it was made anew, and goes on with its states when that is accepted', async () => {
    await fixture.admin.deleteTopics([fixture.names.physical('adds')]);
    await eventually('the topic is made anew', () =>
      fixture.createTopic('adds').then(
        () => true,
        () => false,
      ),
    );
    await fixture.publish(add('a', 'after', { amount: 10 }));
    const [first, why] = await stopped();
    expect(why).toContain(`adds/${task()}: the journal says 5 is next`);
    expect(why).toContain(`'millrace accept-loss counter ${task()}'`);
    await first.stop();

    const before = await fixture.journal(task());
    const losses = await lossesOf(logSessionOf(fixture), options());
    expect(losses).toMatchObject([
      { lost: 'anew', next: 0, position: { topic: 'adds', offset: 5 } },
    ]);
    expect(linesOf(losses, false).join('\n')).toMatch(
      /made anew.*\n {2}given up: whatever the topic before held from 5 on\n.*goes on at 0\nNothing was changed/,
    );
    expect(await fixture.journal(task())).toHaveLength(before.length);
    const [second] = await stopped();
    await second.stop();

    await acceptLosses(logSessionOf(fixture), options(), fixture.codec);
    expect(await lossesOf(logSessionOf(fixture), options())).toEqual([]);
    // Five before the loss, ten that came after it, and one.
    expect(await totalAfter(fixture.run(), 'last', 1)).toBe(16);
  }, 90_000);

  it('J4 passes over what was deleted in front of it when that is accepted, and nothing else', async () => {
    for (let nth = 6; nth <= 9; nth++) await fixture.publish(add('a', `e${nth}`, { amount: 1 }));
    await fixture.admin.deleteRecords(fixture.names.physical('adds'), task(), 7);
    const [first] = await stopped();
    await first.stop();
    const losses = await acceptLosses(logSessionOf(fixture), options(), fixture.codec);
    expect(losses).toMatchObject([{ lost: 'start', next: 7 }]);
    expect(linesOf(losses, true).join('\n')).toContain('has lost 5…6');
    expect(await totalAfter(fixture.run(), 'last', 1)).toBe(5 + 2 + 1);
  }, 90_000);
});
