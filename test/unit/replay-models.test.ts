import { afterEach, beforeEach, expect, it } from 'vitest';
import { Remaker } from '../../cli/replay/remake.ts';
import { topicSource, type Selection } from '../../cli/replay/replayed-events.ts';
import { MemoryKafka } from '../../testing/memory-kafka.ts';
import { add } from '../support/counter.ts';
import { EngineFixture, PARTITIONS } from '../support/engine-fixture.ts';
import { eventually } from '../support/eventually.ts';
import { logSessionOf } from '../support/log-session.ts';

let fixture: EngineFixture;

beforeEach(async () => {
  fixture = await EngineFixture.start({ client: new MemoryKafka() });
  const run = await fixture.running();
  await fixture.publish(add('a', 'a1', { amount: 1 }), add('b', 'b1', { amount: 2 }));
  await run.handled(4);
  await fixture.publish(add('a', 'a2', { amount: 5 }));
  await run.handled(6);
  await eventually('all is published', async () => (await fixture.read('rm.count')).length === 3);
  await run.stop();
});

afterEach(() => fixture.end());

const ALL: Selection = { correlationId: null, topic: null, fromMs: null, toMs: null };

async function remade(selection: Partial<Selection>, pageRecords = 1_000) {
  const session = logSessionOf(fixture);
  const topology = fixture.topology();
  const remaker = new Remaker(session, topology, PARTITIONS);
  const source = topicSource(session, pageRecords);
  const of = { selection: { ...ALL, ...selection }, partitions: PARTITIONS };
  const models: Record<string, unknown> = {};
  for await (const page of source.pages(topology, of))
    for (const { key, value } of (await remaker.page(await page())).models) models[key] = value;
  return models;
}

it('B-109 makes read models again from the events, of all or of one correlation', async () => {
  expect(await remade({})).toEqual({ a: { total: 6 }, b: { total: 2 } });
  expect(await remade({ correlationId: 'a' })).toEqual({ a: { total: 6 } });
  expect(await remade({ topic: 'adds' })).toEqual({ a: { total: 6 }, b: { total: 2 } });
  expect(await remade({ correlationId: 'nobody' })).toEqual({});
});

it('B-109 makes the same of them page by page, each correlation whole on one', async () => {
  const session = logSessionOf(fixture);
  const of = { selection: ALL, partitions: PARTITIONS };
  const sizes = async (pageRecords: number): Promise<readonly number[]> => {
    const found: number[] = [];
    for await (const page of topicSource(session, pageRecords).pages(fixture.topology(), of))
      found.push((await page()).length);
    return found;
  };
  const [whole, small] = [await sizes(1_000), await sizes(1)];
  expect(small.length).toBeGreaterThan(whole.length);
  const sum = (counts: readonly number[]): number => counts.reduce((one, next) => one + next, 0);
  expect(sum(small)).toBe(sum(whole));
  expect(await remade({}, 1)).toEqual({ a: { total: 6 }, b: { total: 2 } });
});

it('B-109 leaves out what lies outside of the time given', async () => {
  const times = (await fixture.read('adds')).map(({ timestampMs }) => timestampMs);
  expect(await remade({ toMs: Math.min(...times) - 1 })).toEqual({});
  expect(await remade({ topic: 'adds', fromMs: Math.max(...times) + 1 })).toEqual({});
});
