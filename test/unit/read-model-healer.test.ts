import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { formatOrigin, originOf } from '../../engine/origin.ts';
import { MemoryKafka } from '../../testing/memory-kafka.ts';
import { add } from '../support/counter.ts';
import { EngineFixture, type ReadRecord } from '../support/engine-fixture.ts';
import type { EngineRun } from '../support/engine-run.ts';
import { eventually } from '../support/eventually.ts';

const KEY = 'key-1';
const LOOK_MS = 20;

let fixture: EngineFixture;
let run: EngineRun;
beforeEach(async () => {
  fixture = await EngineFixture.start({ client: new MemoryKafka() });
  run = await fixture.running({ lookMs: LOOK_MS });
});
afterEach(() => fixture.end());

const versions = async (): Promise<readonly ReadRecord[]> =>
  (await fixture.read('rm.count')).filter(({ key }) => Buffer.from(key ?? []).toString() === KEY);

async function addOnce(id: string): Promise<readonly ReadRecord[]> {
  const before = (await versions()).length;
  await fixture.publish(add(KEY, id, { amount: 1 }));
  await eventually('it is counted', async () => (await versions()).length > before);
  return versions();
}

/** Puts a record on the read model as an owner before would, whose request arrives late. */
async function arrive({ key, value, headers }: Partial<ReadRecord>): Promise<void> {
  const topic = fixture.names.physical('rm.count');
  const partition = fixture.partitionOf(KEY);
  await fixture.send({
    ...{ topic, partition, key: key ?? Buffer.from(KEY) },
    ...{ value: value ?? null, headers: headers ?? {} },
  });
}

describe('a read model', () => {
  it('J9b has its newest version published again over an older one, once', async () => {
    const [older] = await addOnce('e1');
    const newest = (await addOnce('e2')).at(-1);
    await arrive(older as ReadRecord);
    await eventually('it is healed', () => run.counts.healed === 1);
    await eventually('it stands', async () => (await versions()).length === 4);
    const last = (await versions()).at(-1);
    expect([last?.decoded, last?.headers]).toEqual([newest?.decoded, newest?.headers]);
    // What is put on top later is seen by the same looks that would see a quarrel.
    await arrive(older as ReadRecord);
    await eventually('it is healed again', () => run.counts.healed === 2);
    expect(run.counts.fenced).toBe(0);
  });

  it('J9b is healed by the next owner as well, and after newer versions', async () => {
    const [older] = await addOnce('e1');
    await addOnce('e2');
    await run.stop();
    await arrive(older as ReadRecord);
    run = await fixture.running({ lookMs: LOOK_MS });
    await eventually('it is healed', () => run.counts.healed === 1);
    const all = await addOnce('e3');
    // 3 is what the first owner ended with: how far it had published.
    expect(all.map(({ headers }) => originOf(headers)?.n)).toEqual([1, 2, 1, 2, 4]);
  });

  it('J9b keeps a removal over what came late', async () => {
    const [older] = await addOnce('e1');
    const [, newer] = await addOnce('e2');
    await arrive({ headers: (newer as ReadRecord).headers });
    await arrive(older as ReadRecord);
    await eventually('it is healed', () => run.counts.healed === 1);
    await eventually('it stands', async () => (await versions()).length === 5);
    expect((await versions()).at(-1)).toMatchObject({ value: null });
  });

  it('J9b ends the term of an owner that finds a higher version, once', async () => {
    const [record] = await addOnce('e1');
    const origin = { application: 'counter', task: fixture.partitionOf(KEY), n: 99, index: 0 };
    // What stood there before the term's first look says nothing about it.
    await addOnce('e2');
    await arrive(record as ReadRecord);
    await eventually('it has looked', () => run.counts.healed === 1);
    await arrive({ ...record, headers: { ...record?.headers, origin: formatOrigin(origin) } });
    await eventually('it is fenced', () => run.counts.fenced === 1);
    await run.ready();
    const all = await addOnce('e3');
    expect(originOf(all.at(-1)?.headers ?? {})?.n).toBe(3);
    expect(run.counts.fenced).toBe(1);
  });
});
