import type { EngineFixture } from './engine-fixture.ts';
import { eventually } from './eventually.ts';

interface Envelope {
  readonly event_id: string;
  readonly causation_id: string;
  readonly correlation_id: string;
}

interface CountRecord {
  readonly envelope: Envelope;
  readonly payload: { readonly amount: number; readonly fail: string; readonly total: number };
}

/** What happened to each key: causes and totals in order, and the last value of its read model. */
export interface Counted {
  readonly totals: ReadonlyMap<string, readonly (readonly [cause: string, total: number])[]>;
  readonly readModel: ReadonlyMap<string, number>;
  readonly adder: ReadonlyMap<string, unknown>;
  readonly watcher: ReadonlyMap<string, unknown>;
}

/** What must have happened, by the additions that stand on the topic; a repeated event id counts once. */
export async function expectedCounts(fixture: EngineFixture): Promise<Counted> {
  const totals = new Map<string, [string, number][]>();
  const seen = new Set<string>();
  for (const { decoded } of await fixture.read('adds')) {
    const { envelope, payload } = decoded as CountRecord;
    const key = envelope.correlation_id;
    if (seen.has(`${key}|${envelope.event_id}`)) continue;
    seen.add(`${key}|${envelope.event_id}`);
    const before = totals.get(key)?.at(-1)?.[1] ?? 0;
    append(totals, key, [envelope.event_id, before + payload.amount]);
  }
  const last = (key: string): number => totals.get(key)?.at(-1)?.[1] ?? 0;
  const keys = [...totals.keys()];
  return {
    totals,
    readModel: new Map(keys.map((key) => [key, last(key)])),
    adder: new Map(keys.map((key) => [key, { total: last(key) }])),
    watcher: new Map(
      keys.map((key) => [key, { seen: (totals.get(key) ?? []).map(([, total]) => total) }]),
    ),
  };
}

/** What did happen, as a reader of the topics and the next owner of the tasks see it. */
export async function actualCounts(fixture: EngineFixture): Promise<Counted> {
  const totals = new Map<string, [string, number][]>();
  for (const { decoded } of await fixture.readOnce('totals')) {
    const { envelope, payload } = decoded as CountRecord;
    append(totals, envelope.correlation_id, [envelope.causation_id, payload.total]);
  }
  const readModel = new Map<string, number>();
  for (const { key, decoded } of await fixture.read('rm.count'))
    readModel.set(Buffer.from(key ?? []).toString(), (decoded as { total: number }).total);
  return {
    totals,
    readModel,
    adder: await fixture.states('adder'),
    watcher: await fixture.states('watcher'),
  };
}

/** Records that stand on a topic more than once, by their origin. */
export async function repeated(fixture: EngineFixture, topic: string): Promise<number> {
  return (await fixture.read(topic)).length - (await fixture.readOnce(topic)).length;
}

/** Lets the application finish what there is, outputs included, and stops it. */
export async function settled(fixture: EngineFixture, deadlineMs?: number): Promise<void> {
  const run = await fixture.running();
  const additions = count((await expectedCounts(fixture)).totals);
  await eventually(
    `${additions} additions have their totals`,
    async () => count((await actualCounts(fixture)).totals) >= additions,
    deadlineMs,
  );
  await run.stop();
}

function count(totals: Counted['totals']): number {
  return [...totals.values()].reduce((sum, each) => sum + each.length, 0);
}

function append<Value>(map: Map<string, Value[]>, key: string, value: Value): void {
  const values = map.get(key);
  if (values === undefined) map.set(key, [value]);
  else values.push(value);
}
