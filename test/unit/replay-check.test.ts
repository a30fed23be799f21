import { afterEach, beforeEach, expect, it } from 'vitest';
import { checkApplication } from '../../cli/replay/check.ts';
import { checkLines } from '../../cli/replay/check-text.ts';
import { commandKey } from '../../cli/park/command-key.ts';
import { parkedKeys } from '../../cli/park/parked-keys.ts';
import { actor, event } from '../../engine/actor.ts';
import { JOURNAL_RECORD } from '../../engine/journal.ts';
import { Task } from '../../engine/task.ts';
import { TaskState } from '../../engine/task-state.ts';
import type { TopologyDefinition } from '../../engine/topology.ts';
import { MemoryKafka } from '../../testing/memory-kafka.ts';
import { add, adder, countEvent, watcher } from '../support/counter.ts';
import { EngineFixture } from '../support/engine-fixture.ts';
import { eventually } from '../support/eventually.ts';
import { logSessionOf } from '../support/log-session.ts';
import { REMINDERS, say } from '../support/reminders.ts';

let fixture: EngineFixture;

beforeEach(async () => {
  fixture = await EngineFixture.start({ client: new MemoryKafka() });
});

afterEach(() => fixture.end());

/** Everything an actor can do, recorded: chains, references, effects, parked keys, dead letters, copies. */
async function record(definition: Partial<TopologyDefinition> = {}): Promise<void> {
  const run = await fixture.running({ definition });
  await fixture.publish(add('a', 'a1', { amount: 1 }), add('b', 'b1', { amount: 2 }));
  await run.handled(4);
  await fixture.publish(countEvent('count.factor', 'all', 'f1', { amount: 10 }));
  await eventually('the factor is read', async () => {
    const known = (await fixture.restored(fixture.partitionOf('all'))).state.references;
    return known.get('factor')?.has('all') === true;
  });
  await fixture.publish(add('a', 'a2', { amount: 1 }), add('a', 'a2', { amount: 1 }));
  await fixture.publish(add('c', 'c1', { amount: 4, fail: 'effect' }));
  await fixture.publish(
    add('d', 'd1', { amount: 1, fail: 'throw' }),
    add('d', 'd2', { amount: 1 }),
  );
  await fixture.publish(add('e', 'e1', { amount: 1, fail: 'dead' }));
  await eventually('all is handled', () => {
    const { handled, parked, deadLettered } = run.counts;
    return handled >= 9 && parked.length === 1 && deadLettered.length === 1;
  });
  await eventually('the second of the blocked key is put behind the first', async () => {
    const queue = (await fixture.restored(fixture.partitionOf('d'))).state.parked.get('adder|d');
    return queue?.messages.length === 2;
  });
  await run.stop();
}

function check(definition: Partial<TopologyDefinition> = {}) {
  const topology = fixture.topology(definition);
  return checkApplication(logSessionOf(fixture, [topology]), topology, null);
}

it('J7 finds no difference where the code is the one that wrote the journal', async () => {
  await record();
  const found = await check();
  expect(found).toMatchObject({ keys: [], unchecked: 0, graphChanged: false });
  expect(found.inputs).toBeGreaterThanOrEqual(10);
});

it('J6 finds none in a split deployment either', async () => {
  await record({ deployment: 'split' });
  expect(await check({ deployment: 'split' })).toMatchObject({ keys: [], unchecked: 0 });
});

it('J7 J8a runs firings, tries, releases and drops again', async () => {
  await fixture.end();
  fixture = await EngineFixture.start({ client: new MemoryKafka(), application: REMINDERS });
  const topology = fixture.topology({ onFailure: { policy: 'ladder', delaysMs: [10, 100_000] } });
  await fixture.createMissingTopics(topology);
  const session = logSessionOf(fixture, [topology]);
  const run = fixture.run({ topology });
  await run.ready();
  const [codec, partition] = [fixture.codec, fixture.partitionOf('a')];
  await fixture.publish(say('a', 'e1', { set: 'remind', inMs: 1, data: 'tea' }));
  await eventually('it fires', async () => (await fixture.read('reminders')).length === 1);
  await fixture.publish(say('a', 'e2', { fail: true }), say('a', 'e3', {}));
  await eventually('it was tried twice', async () => {
    const queue = (await fixture.restored(partition)).state.parked.get('reminder|a');
    return queue?.attempt === 2 && queue.messages.length === 2;
  });
  for (const act of ['release', 'drop'] as const) {
    const [parked] = await parkedKeys(session, null);
    if (parked === undefined) throw new Error('nothing is parked');
    await commandKey(session, parked, { act, codec });
  }
  await eventually('it is dropped', async () => {
    const { state } = await fixture.restored(partition);
    return state.parked.size + state.timers.size === 0;
  });
  await run.stop();
  const batches = (await fixture.journal(partition)).flatMap(([, entry]) =>
    entry.kind === 'batch' ? [entry.batch] : [],
  );
  const kinds = new Set(batches.flatMap(({ inputs }) => inputs.map(({ kind }) => kind)));
  expect([...kinds].toSorted()).toEqual(['command', 'record', 'retry', 'timer']);
  const found = await checkApplication(session, topology, null);
  expect(found).toMatchObject({ keys: [], unchecked: 0 });
});

it('J7 names the keys of a handler that was changed, with what was and what would be', async () => {
  await record();
  const generous = actor<{ total: number }>({
    ...adder,
    handles: {
      'count.add': (state, message, context) => {
        const decision = adder.handles['count.add']?.(state, message, context) ?? {};
        if (message.key !== 'b') return decision;
        const total = (decision.state?.total ?? 0) + 100;
        return { state: { total }, emit: [event('count.total', { total, note: '' })] };
      },
    },
  });
  const found = await check({ actors: [generous, watcher] });
  expect(found.keys.toSorted()).toEqual(['adder b', 'watcher b']);
  const states = found.differences.filter(({ what }) => what === 'state');
  expect(states.map(({ actor: name, was, would }) => [name, was, would])).toEqual([
    ['adder', { total: 2 }, { total: 102 }],
    ['watcher', { seen: [2] }, { seen: [102] }],
  ]);
  expect(checkLines(found).join('\n')).toContain('adder b: state');
});

it('J8a names a parked key that the new code would not have parked', async () => {
  await record();
  const patient = actor<{ total: number }>({
    ...adder,
    handles: {
      'count.add': (state, message, context) =>
        message.key === 'd' ? {} : (adder.handles['count.add']?.(state, message, context) ?? {}),
    },
  });
  const found = await check({ actors: [patient, watcher] });
  expect(found.keys).toEqual(['adder d']);
  const [first] = found.differences;
  expect(first?.what).toBe('parked');
  expect((first?.was as readonly unknown[])[0]).toEqual(['push', 'HANDLER_THREW', 1]);
});

it('J4 leaves out batches whose records the log no longer holds, and says how many', async () => {
  await record();
  const topic = fixture.names.physical('adds');
  await fixture.admin.deleteRecords(topic, fixture.partitionOf('b'), 1);
  const found = await check();
  expect(found.keys).toEqual([]);
  expect(found.unchecked).toBeGreaterThan(0);
});

it('J8 reads a reference in the version that the handler had, though it came in the same batch', async () => {
  const topology = fixture.topology();
  const partition = fixture.partitionOf('all');
  await fixture.publish(countEvent('count.factor', 'all', 'f1', { amount: 10 }));
  await fixture.publish(add('all', 'a1', { amount: 1 }));
  const fence = await fixture.appendToJournal(partition, JOURNAL_RECORD.fence, {
    application: 'counter',
    task: partition,
    member: 'm',
    host: 'h',
    generation: 1,
    deployment: 'fused',
    edges_hash: topology.edgesHash,
    time: 1,
  });
  const task = new Task({
    topology,
    codec: fixture.codec,
    partition,
    state: new TaskState(),
    clock: () => 1,
    partitionOf: () => partition,
    fuse: true,
  });
  for (const topic of ['factors', 'adds'])
    for (const record of await fixture.read(topic)) task.take({ ...record, topic, topicId: '' });
  await fixture.appendToJournal(partition, JOURNAL_RECORD.batch, task.seal(fence));
  expect((await fixture.states('adder')).get('all')).toEqual({ total: 10 });
  expect(await check()).toMatchObject({ keys: [], batches: 1, unchecked: 0 });
});
