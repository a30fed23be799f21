import { afterEach, beforeEach, expect, it } from 'vitest';
import { deadLetterTopicsOf, depthsOf, lettersOf } from '../../cli/dlq/letters.ts';
import { planRedrive } from '../../cli/dlq/redrive-plan.ts';
import { redrive } from '../../cli/dlq/redrive.ts';
import { commandKey } from '../../cli/park/command-key.ts';
import { parkedKeys } from '../../cli/park/parked-keys.ts';
import { actor } from '../../engine/actor.ts';
import type { TopologyDefinition } from '../../engine/topology.ts';
import { MemoryKafka } from '../../testing/memory-kafka.ts';
import { add, adder, watcher } from '../support/counter.ts';
import { EngineFixture } from '../support/engine-fixture.ts';
import { eventually } from '../support/eventually.ts';
import { logSessionOf } from '../support/log-session.ts';

let fixture: EngineFixture;

/** Takes what it set aside before. */
const lenient = actor<{ total: number }>({
  ...adder,
  handles: {
    'count.add': (state, message, context) => {
      const { amount } = message.payload as { readonly amount: number };
      const sound = { ...message, payload: { amount, fail: '' } };
      return adder.handles['count.add']?.(state, sound, context) ?? {};
    },
  },
});

/** Two letters, of which one has been followed by a later event of its key; and a parked key. */
beforeEach(async () => {
  fixture = await EngineFixture.start({ client: new MemoryKafka() });
  const run = await fixture.running();
  await fixture.publish(add('a', 'a1', { amount: 3 }), add('a', 'a2', { amount: 4, fail: 'dead' }));
  await fixture.publish(add('b', 'b1', { amount: 1, fail: 'dead' }), add('b', 'b2', { amount: 1 }));
  await fixture.publish(
    add('d', 'd1', { amount: 1, fail: 'throw' }),
    add('d', 'd2', { amount: 1 }),
  );
  await eventually('all is set aside', async () => {
    const { state } = await fixture.restored(fixture.partitionOf('d'));
    const letters = await fixture.read('dlq.count.add');
    return letters.length === 2 && state.parked.get('adder|d')?.messages.length === 2;
  });
  await eventually('b goes on', async () => (await fixture.states('adder')).has('b'));
  await run.stop();
});

afterEach(() => fixture.end());

function session(definition: Partial<TopologyDefinition> = {}) {
  return logSessionOf(fixture, [fixture.topology(definition)]);
}

it('looks into the topics of its own system only', async () => {
  const settings = { partitions: 1, replicationFactor: 1, configs: {} };
  for (const name of ['dlq.count.add', 'other.dlq.count.add'])
    await fixture.admin.createTopic({ ...settings, name });
  const topics = await deadLetterTopicsOf(session());
  expect(topics.filter((topic) => topic.includes('count.add'))).toEqual(['dlq.count.add']);
});

async function letters() {
  const topics = await deadLetterTopicsOf(session());
  return (await lettersOf(session(), topics)).toSorted((one, other) =>
    (one.key ?? '') < (other.key ?? '') ? -1 : 1,
  );
}

it('lists depths and shows letters with why they are there', async () => {
  const found = await letters();
  expect(found).toMatchObject([
    { key: 'a', event_id: 'a2', error: 'UNWANTED', application: 'counter', redriven: false },
    { key: 'b', event_id: 'b1', error: 'UNWANTED' },
  ]);
  expect(depthsOf(['dlq.adds', 'dlq.count.add'], found)).toMatchObject([
    { letters: 0, oldest: null },
    { letters: 2, redriven: 0 },
  ]);
});

it('shows the state and emits to come of a redrive, by the code of today', async () => {
  const found = await letters();
  const again = await planRedrive(session(), found);
  expect(again.map(({ outcome }) => outcome)).toEqual(['dead letter again', 'dead letter again']);
  const plans = await planRedrive(session({ actors: [lenient, watcher] }), found);
  expect(plans).toMatchObject([
    {
      movedPast: false,
      outcome: 'handled',
      states: [
        { actor: 'adder', key: 'a', before: { total: 3 }, after: { total: 7 } },
        { actor: 'watcher', key: 'a', before: { seen: [3] }, after: { seen: [3, 7] } },
      ],
      emits: [{ type: 'count.total', payload: { total: 7 } }, { topic: 'rm.count' }],
    },
    { movedPast: true, outcome: 'handled' },
  ]);
  expect(await fixture.read('dlq.count.add')).toHaveLength(2);
});

it('J8a redrives with key, bytes and event id, and leaves what its key moved past', async () => {
  const plans = await planRedrive(session(), await letters());
  const report = await redrive(session(), plans, { outOfOrder: false });
  expect(report.sent).toHaveLength(1);
  expect(report.left[0]?.why).toContain('--out-of-order');
  const [sent] = await fixture.read('counter.redrive');
  const letter = (await fixture.read('dlq.count.add')).find(
    ({ headers }) => headers['event_id'] === 'a2',
  );
  expect(sent).toMatchObject({
    key: letter?.key,
    value: letter?.value,
    partition: letter?.partition,
  });
  expect(sent?.headers).toMatchObject({ event_id: 'a2', event_type: 'count.add' });
  for (const name of ['origin', 'fused', 'x-error', 'attempt'])
    expect(sent?.headers).not.toHaveProperty(name);

  const left = await planRedrive(session(), await letters());
  const second = await redrive(session(), left, { outOfOrder: true });
  expect(second.left.map(({ why }) => why)).toEqual(['it was redriven before']);
  expect(second.sent).toHaveLength(1);
  expect(depthsOf(['dlq.count.add'], await letters())).toMatchObject([{ letters: 0, redriven: 2 }]);
});

it('E-58 J7a what is redriven is handled once, by the code of today', async () => {
  const found = await letters();
  const send = async () =>
    redrive(session(), await planRedrive(session(), found), { outOfOrder: true });
  await send();
  await send();
  const run = await fixture.running({ definition: { actors: [lenient, watcher] } });
  await fixture.publish(add('a', 'a2', { amount: 4 }), add('b', 'b3', { amount: 10 }));
  await eventually('all is handled', async () => {
    const states = await fixture.states('adder');
    const totals = ['a', 'b'].map((key) => (states.get(key) as { total: number }).total);
    return totals.join() === '7,12';
  });
  await run.stop();
  expect(await fixture.readOnce('totals')).toHaveLength(5);
});

it('refuses to redrive to an application that reads no redriven records', async () => {
  const plans = await planRedrive(session(), await letters());
  await fixture.admin.deleteTopics([fixture.names.physical('counter.redrive')]);
  await expect(redrive(session(), plans, { outOfOrder: true })).rejects.toThrow('counter.redrive');
});

it('J8a releases and drops a parked key by a record of its task', async () => {
  const [parked] = await parkedKeys(session(), null);
  if (parked === undefined) throw new Error('nothing is parked');
  const run = await fixture.running();
  const { codec } = fixture;
  await commandKey(session(), parked, { act: 'release', codec });
  await eventually('it was handled again', async () => {
    const inputs = (await fixture.journal(parked.task)).flatMap(([, entry]) =>
      entry.kind === 'batch' ? entry.batch.inputs : [],
    );
    return inputs.some(({ kind }) => kind === 'retry');
  });
  expect((await parkedKeys(session(), null))[0]?.messages).toHaveLength(2);
  await commandKey(session(), parked, { act: 'drop', codec });
  await eventually('nothing is parked', async () => {
    return (await parkedKeys(session(), null)).length === 0;
  });
  await run.stop();
  expect((await letters()).find(({ key }) => key === 'd')).toMatchObject({
    event_id: 'd1',
    error: 'DROPPED',
  });
  expect((await fixture.states('adder')).get('d')).toEqual({ total: 1 });
});

it('J8a refuses to command an application that takes no commands', async () => {
  const [parked] = await parkedKeys(session(), null);
  if (parked === undefined) throw new Error('nothing is parked');
  await fixture.admin.deleteTopics([fixture.names.physical('counter.control')]);
  const told = commandKey(session(), parked, { act: 'release', codec: fixture.codec });
  await expect(told).rejects.toThrow('counter.control');
});

it('J8a lists parked keys with their queue, the oldest first', async () => {
  const [parked, ...others] = await parkedKeys(session(), null);
  expect(others).toEqual([]);
  expect(parked).toMatchObject({
    application: 'counter',
    actor: 'adder',
    key: 'd',
    code: 'HANDLER_THREW',
  });
  expect(parked?.messages.map(({ eventId }) => eventId)).toEqual(['d1', 'd2']);
  expect(await parkedKeys(session(), 'other')).toEqual([]);
});
