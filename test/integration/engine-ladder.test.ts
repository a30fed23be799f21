import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { lettersOf } from '../../cli/dlq/letters.ts';
import { planRedrive } from '../../cli/dlq/redrive-plan.ts';
import { redrive } from '../../cli/dlq/redrive.ts';
import { HEADER } from '../../engine/event.ts';
import type { Input } from '../../engine/journal.ts';
import { add, countEvent } from '../support/counter.ts';
import { EngineFixture } from '../support/engine-fixture.ts';
import { EngineProcess } from '../support/engine-process.ts';
import { eventually } from '../support/eventually.ts';
import { logSessionOf } from '../support/log-session.ts';
import { PATIENT, RUNGS_MS } from '../support/patient.ts';

let fixture: EngineFixture;
const processes: EngineProcess[] = [];
beforeEach(async () => {
  fixture = await EngineFixture.start({ application: PATIENT });
});
afterEach(async () => {
  await Promise.all(processes.splice(0).map((each) => each.kill()));
  await fixture.end();
});

function start(): EngineProcess {
  const { prefix } = fixture.names;
  const started = new EngineProcess({ application: 'patient', prefix, instanceId: 'counter.1' });
  processes.push(started);
  return started;
}

/** What the journal has of one event in front of the adder. */
async function callsOf(key: string, eventId: string): Promise<readonly Input[]> {
  const entries = await fixture.journal(fixture.partitionOf(key));
  return entries
    .flatMap(([, entry]) => (entry.kind === 'batch' ? entry.batch.inputs : []))
    .filter(({ actor, event_id: id }) => actor === 'adder' && id === eventId);
}

async function totalsOf(key: string): Promise<readonly number[]> {
  const records = await fixture.readOnce('totals');
  return records
    .map(({ decoded }) => decoded as { envelope: { correlation_id: string }; payload: object })
    .filter(({ envelope }) => envelope.correlation_id === key)
    .map(({ payload }) => (payload as { readonly total: number }).total);
}

describe('an actor that fails', () => {
  it('E-56 E-57 E-58 goes down its ladder over a kill, its key in order, and comes back once', async () => {
    const first = start();
    await first.ready();
    await fixture.publish(
      add('a', 'e1', { amount: 1, fail: 'wait' }),
      add('a', 'e2', { amount: 5 }),
    );
    await fixture.publish(add('b', 'e3', { amount: 7 }));
    await eventually('a is blocked, and b goes on', async () => {
      const [calls, totals] = [await callsOf('a', 'e1'), await totalsOf('b')];
      return calls.length > 0 && totals.length > 0;
    });
    await first.kill();
    start();
    await eventually('its ladder has ended', async () => (await totalsOf('a')).length > 0, 60_000);

    const calls = await callsOf('a', 'e1');
    expect(calls.map(({ kind }) => kind)).toEqual(['record', 'retry', 'retry', 'retry']);
    for (const [index, ms] of RUNGS_MS.entries()) {
      const pause = (calls[index + 1]?.time ?? 0) - (calls[index]?.time ?? 0);
      expect(pause).toBeGreaterThanOrEqual(ms * 1_000);
    }
    expect(await totalsOf('a')).toEqual([5]);
    const letters = await fixture.readOnce('dlq.count.add');
    expect(letters.map(({ headers }) => [headers[HEADER.eventId], headers['attempt']])).toEqual([
      ['e1', '4'],
    ]);

    // What it waited for comes, and an operator sends it back.
    const factor = fixture.recordOf(countEvent('count.factor', 'all', 'f1', { amount: 1 }));
    await fixture.send({ ...factor, partition: fixture.partitionOf('a') });
    await eventually('the factor is known', async () => {
      const { state } = await fixture.restored(fixture.partitionOf('a'));
      return state.references.size > 0;
    });
    const session = logSessionOf(fixture);
    const plans = async () => planRedrive(session, await lettersOf(session, ['dlq.count.add']));
    expect(await plans()).toMatchObject([{ outcome: 'handled', movedPast: true }]);
    const twice = await plans();
    for (const all of [twice, twice])
      expect((await redrive(session, all, { outOfOrder: true })).sent).toHaveLength(1);
    await fixture.publish(add('a', 'e4', { amount: 10 }));
    await eventually('all is handled', async () => (await totalsOf('a')).at(-1) === 16, 60_000);
    expect(await totalsOf('a')).toHaveLength(3);
    expect((await callsOf('a', 'e1')).map(({ kind }) => kind).slice(4)).toEqual(['record']);
  }, 150_000);
});
