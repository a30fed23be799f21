import { afterEach, beforeEach, expect, it } from 'vitest';
import { correlationOf } from '../../cli/why/correlation.ts';
import { explainEvent } from '../../cli/why/explain-event.ts';
import { explanationLines } from '../../cli/why/explanation-text.ts';
import { JOURNAL_RECORD } from '../../engine/journal.ts';
import { MemoryKafka } from '../../testing/memory-kafka.ts';
import { add } from '../support/counter.ts';
import { EngineFixture } from '../support/engine-fixture.ts';
import type { EngineRun } from '../support/engine-run.ts';
import { eventually } from '../support/eventually.ts';
import { logSessionOf } from '../support/log-session.ts';
import { REMINDERS, say } from '../support/reminders.ts';

let fixture: EngineFixture;
let run: EngineRun;

beforeEach(async () => {
  fixture = await EngineFixture.start({ client: new MemoryKafka() });
  run = await fixture.running();
});

afterEach(() => fixture.end());

async function why(eventId: string) {
  const session = logSessionOf(fixture);
  const correlationId = await correlationOf(session, eventId, null);
  return explainEvent(session, { eventId, correlationId: correlationId ?? '', sinceMs: null });
}

/** The last batch of a partition that handled something, and the number of the next one: an owner that ends journals once more. */
async function lastBatch(partition: number) {
  const batches = (await fixture.journal(partition)).flatMap(([, entry]) =>
    entry.kind === 'batch' ? [entry.batch] : [],
  );
  const batch = batches.findLast(({ inputs }) => inputs.length > 0);
  if (batch === undefined) throw new Error('the journal has no batch');
  return { batch, next: (batches.at(-1)?.n ?? 0) + 1 };
}

async function emittedId(total: number): Promise<string> {
  const all = await fixture.read('totals');
  const found = all.find(
    ({ decoded }) => (decoded as { payload: { total: number } }).payload.total === total,
  );
  return found?.headers['event_id'] ?? '';
}

it('J8 names the cause, the effects, the journal entry and the states of an event', async () => {
  await fixture.publish(add('a', 'one', { amount: 1 }));
  await run.handled(2);
  await fixture.publish(add('a', 'two', { amount: 2 }));
  await run.handled(4);
  await run.stop();

  const effect = await emittedId(3);
  const of = await why('two');
  expect(of.events.map(({ relation, event_id }) => [relation, event_id])).toEqual([
    ['asked for', 'two'],
    ['effect', effect],
  ]);
  expect(of.events[0]?.handlings).toMatchObject([
    {
      actor: 'adder',
      key: 'a',
      kind: 'record',
      verdict: 'stands',
      before: { version: 1, value: { total: 1 } },
      after: { version: 1, value: { total: 3 } },
      owner: {
        host: 'test',
        deployment: 'fused',
        code: '1.2.3',
        topology: fixture.topology().hash.slice(0, 12),
      },
      references: ['factor/all@none'],
    },
  ]);
  expect(of.events[1]?.handlings).toMatchObject([
    {
      actor: 'watcher',
      kind: 'chain',
      before: { value: { seen: [1] } },
      after: { value: { seen: [1, 3] } },
    },
  ]);
  expect(of.events[1]?.places[0]?.outcomes).toEqual([
    { application: 'counter', decision: 'handled in the chain' },
  ]);
  expect(of.others).toBe(2);

  const back = await why(effect);
  expect(back.events.map(({ relation, event_id }) => [relation, event_id])).toEqual([
    ['cause', 'two'],
    ['asked for', effect],
  ]);
  expect(back.events[1]?.hop_ms).toBeGreaterThan(0);
  expect(explanationLines(back).join('\n')).toContain('before v1 {"seen":[1]}');
  expect(explanationLines(back).join('\n')).toMatch(/code 1\.2\.3, topology [0-9a-f]{12}/);
});

it('J7a says of a record sent twice that its copy was skipped', async () => {
  await fixture.publish(add('a', 'one', { amount: 1 }), add('a', 'one', { amount: 1 }));
  await fixture.publish(add('a', 'two', { amount: 1 }));
  await run.handled(4);
  await run.stop();
  const [event] = (await why('one')).events;
  expect(event?.places.map(({ copy, outcomes }) => [copy, outcomes[0]?.decision])).toEqual([
    [null, 'handled'],
    ['sent twice', 'skipped as a copy'],
  ]);
});

it('J2 says of what a fenced owner wrote that it is void', async () => {
  await fixture.publish(add('a', 'one', { amount: 1 }));
  await run.handled(2);
  await run.stop();
  const partition = fixture.partitionOf('a');
  const { batch } = await lastBatch(partition);
  await fixture.appendToJournal(partition, JOURNAL_RECORD.batch, batch);
  const [event] = (await why('one')).events;
  expect(event?.handlings.map(({ verdict }) => verdict)).toEqual(['stands', 'void']);
});

it('J8a says of a parked message why it waits', async () => {
  await fixture.publish(add('a', 'bad', { amount: 1, fail: 'throw' }));
  await eventually('the key is parked', () => run.counts.parked.length === 1);
  await run.stop();
  const [event] = (await why('bad')).events;
  expect(event?.handlings).toMatchObject([
    { verdict: 'parked', parked: expect.stringContaining('HANDLER_THREW') },
  ]);
});

it('E-55 J8a says of a message what became of each try, to its dead letter', async () => {
  await run.stop();
  const topology = fixture.topology({ onFailure: { policy: 'ladder', delaysMs: [20, 20] } });
  await fixture.createMissingTopics(topology);
  run = fixture.run({ topology });
  await run.ready();
  await fixture.publish(add('a', 'bad', { amount: 1, fail: 'throw' }));
  await eventually('it is set aside', () => run.counts.deadLettered.length === 1);
  await run.stop();
  const of = await why('bad');
  expect(of.events.map(({ relation }) => relation)).toEqual(['asked for']);
  expect(of.events[0]?.handlings.map(({ kind, verdict }) => [kind, verdict])).toEqual([
    ['record', 'parked'],
    ['retry', 'parked'],
    ['retry', 'parked'],
  ]);
  expect(of.events[0]?.handlings[2]?.parked).toMatch(/HANDLER_THREW: .* dead letter/);
});

it('J8 shows a firing with the message that set the timer', async () => {
  await fixture.end();
  fixture = await EngineFixture.start({ client: new MemoryKafka(), application: REMINDERS });
  run = await fixture.running();
  await fixture.publish(say('a', 'e1', { set: 'remind/1', inMs: 1, data: 'tea' }));
  await eventually('it fires', async () => (await fixture.read('reminders')).length === 1);
  await run.stop();
  const of = await why('e1');
  expect(of.events.map(({ relation }) => relation)).toEqual(['asked for', 'effect']);
  expect(of.events[0]?.handlings.map(({ kind }) => kind)).toEqual(['record', 'timer remind/1']);
});

it('J5 finds an event that is journaled and not published, and says so', async () => {
  await fixture.publish(add('a', 'one', { amount: 1 }));
  await run.handled(2);
  await run.stop();
  const partition = fixture.partitionOf('a');
  const { batch, next: n } = await lastBatch(partition);
  const emits = batch.emits.map((emit) => ({
    ...emit,
    headers: { ...emit.headers, event_id: 'unpublished' },
  }));
  await fixture.appendToJournal(partition, JOURNAL_RECORD.batch, { ...batch, n, emits });
  const { events } = await why('unpublished');
  expect(events.map(({ event_id, places }) => [event_id, places.length])).toEqual([
    ['one', 1],
    ['unpublished', 0],
  ]);
  expect(await correlationOf(logSessionOf(fixture), 'nobody', null)).toBeNull();
});
