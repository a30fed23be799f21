import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { commandKey } from '../../cli/park/command-key.ts';
import { parkedKeys } from '../../cli/park/parked-keys.ts';
import type { Command } from '../../engine/command.ts';
import { HEADER } from '../../engine/event.ts';
import type { Input } from '../../engine/journal.ts';
import { EngineFixture, PARTITIONS } from '../support/engine-fixture.ts';
import { EngineProcess } from '../support/engine-process.ts';
import { eventually } from '../support/eventually.ts';
import { logSessionOf } from '../support/log-session.ts';
import { REMINDERS, say } from '../support/reminders.ts';

let fixture: EngineFixture;
const processes: EngineProcess[] = [];
beforeEach(async () => {
  fixture = await EngineFixture.start({ application: REMINDERS });
});
afterEach(async () => {
  await Promise.all(processes.splice(0).map((each) => each.kill()));
  await fixture.end();
});

async function start(): Promise<EngineProcess> {
  const { prefix } = fixture.names;
  const settings = { application: 'reminders', prefix, instanceId: 'reminders.1' } as const;
  const started = new EngineProcess(settings);
  processes.push(started);
  await started.ready();
  return started;
}

async function inputs(partition: number): Promise<readonly Input[]> {
  const entries = await fixture.journal(partition);
  return entries.flatMap(([, entry]) => (entry.kind === 'batch' ? entry.batch.inputs : []));
}

async function said(key: string): Promise<readonly string[]> {
  const state = (await fixture.states('reminder')).get(key);
  return (state as { readonly said: readonly string[] } | undefined)?.said ?? [];
}

/** What stands behind a key, and the calls of its head in vain. */
async function blocked(key: string) {
  const { state } = await fixture.restored(fixture.partitionOf(key));
  return state.parked.get(`reminder|${key}`);
}

async function tell(key: string, act: Command['act']): Promise<void> {
  const session = logSessionOf(fixture);
  const found = (await parkedKeys(session, null)).find((each) => each.key === key);
  if (found === undefined) throw new Error(`${key} is not parked`);
  await commandKey(session, found, { act, codec: fixture.codec });
}

describe('what waits', () => {
  it('J8 timers fire once, when they are due, over a kill', async () => {
    const keys = Array.from({ length: 12 }, (_, index) => `k${index}`);
    const first = await start();
    for (const key of keys)
      await fixture.publish(
        say(key, `${key}-1`, { set: 'remind', inMs: 500, data: 'replaced' }),
        say(key, `${key}-2`, { set: 'remind', inMs: 3_000, data: 'one' }),
        say(key, `${key}-3`, { set: 'remind/2', inMs: 3_500, data: 'two' }),
        say(key, `${key}-4`, { set: 'remind/3', inMs: 600_000, data: 'cancelled' }),
        say(key, `${key}-5`, { cancel: 'remind/3' }),
      );
    await eventually('all are set', async () => {
      const all = await Promise.all(keys.map(said));
      return all.every(({ length }) => length === 5);
    });
    await first.kill();
    await start();
    const reminded = async (): Promise<readonly string[]> =>
      (await fixture.readOnce('reminders')).map(({ key, decoded }) => {
        const { payload } = decoded as { readonly payload: { readonly text: string } };
        return `${Buffer.from(key ?? []).toString()} ${payload.text}`;
      });
    await eventually('all have fired', async () => {
      const all = await reminded();
      return keys.every((key) => all.includes(`${key} one`) && all.includes(`${key} two`));
    });
    const wanted = keys.flatMap((key) => [`${key} one`, `${key} two`]);
    const rest = (await reminded()).filter((each) => !each.endsWith(' replaced'));
    expect(rest.toSorted()).toEqual(wanted.toSorted());
    for (let partition = 0; partition < PARTITIONS; partition++) {
      for (const { kind, time, data } of await inputs(partition))
        if (kind === 'timer')
          expect(time).toBeGreaterThanOrEqual((JSON.parse(data ?? '{}') as { due: number }).due);
      expect((await fixture.restored(partition)).state.timers.size).toBe(0);
    }
  }, 150_000);

  it('J8a a parked key is released in order, parked again, and loses its head, over a kill', async () => {
    const first = await start();
    const later = Date.now() * 1_000 + 2_000_000;
    await fixture.publish(say('a', 'e1', { failsUntil: later }), say('a', 'e2', {}));
    await fixture.publish(say('b', 'e3', { fail: true }), say('b', 'e4', { fail: true }));
    await fixture.publish(say('b', 'e5', {}));
    await eventually('both are parked', async () => {
      const queues = [await blocked('a'), await blocked('b')];
      return queues[0]?.messages.length === 2 && queues[1]?.messages.length === 3;
    });
    await tell('b', 'release');
    await eventually('b is parked again', async () => {
      const all = await inputs(fixture.partitionOf('b'));
      return all.some(({ kind, event_id: id }) => kind === 'retry' && id === 'e3');
    });
    expect((await blocked('b'))?.messages.map(({ eventId }) => eventId)).toEqual([
      'e3',
      'e4',
      'e5',
    ]);
    await tell('b', 'drop');
    await eventually('the head is set aside', async () => {
      const head = (await blocked('b'))?.messages[0]?.eventId;
      return head === 'e4';
    });
    await first.kill();
    await eventually('the time has come', () => Date.now() * 1_000 > later);
    await tell('a', 'release');
    await tell('b', 'drop');
    await fixture.publish(say('a', 'e6', {}), say('b', 'e7', {}));
    await start();
    await eventually('both have gone on', async () => {
      const all = [await said('a'), await said('b')];
      return all[0]?.length === 3 && all[1]?.length === 2;
    });
    // What came meanwhile stands on another topic than the command; it waits behind its key, or comes after it.
    expect(await said('a')).toEqual(['e1', 'e2', 'e6']);
    expect(await said('b')).toEqual(['e5', 'e7']);
    const letters = await fixture.readOnce('dlq.say');
    expect(letters.map(({ headers }) => [headers[HEADER.eventId], headers['x-error']])).toEqual([
      ['e3', 'DROPPED'],
      ['e4', 'DROPPED'],
    ]);
  }, 150_000);
});
