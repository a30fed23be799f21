import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { COMMAND_RECORD } from '../../engine/command.ts';
import { LIMITS } from '../../engine/limits.ts';
import { MemoryKafka } from '../../testing/memory-kafka.ts';
import { EngineFixture, PARTITIONS } from '../support/engine-fixture.ts';
import type { EngineRun } from '../support/engine-run.ts';
import { eventually } from '../support/eventually.ts';
import { REMINDERS, say, type Wish } from '../support/reminders.ts';

/** Bytes of one message: some thirty fill a key. */
const LONG = 'x'.repeat(250_000);
const MANY = 60;

let fixture: EngineFixture;
let run: EngineRun;
const key = 'ann';
let neighbour: string;

beforeEach(async () => {
  fixture = await EngineFixture.start({ client: new MemoryKafka(), application: REMINDERS });
  neighbour = Array.from({ length: 10 * PARTITIONS }, (_, index) => `near-${index}`).find(
    (each) => fixture.partitionOf(each) === fixture.partitionOf(key),
  ) as string;
  run = await fixture.running();
});
afterEach(() => fixture.end());

const wish = (id: string, more: Wish = {}) => say(key, id, { data: LONG, ...more });
const paused = (): readonly (string | null)[] =>
  run.status.tasks.flatMap(({ status, pausedBy }) => (status === 'paused' ? [pausedBy] : []));
const saidOf = async (of: string): Promise<readonly string[]> =>
  ((await fixture.states('reminder')).get(of) as { said: string[] } | undefined)?.said ?? [];

async function fill(): Promise<void> {
  await fixture.publish(wish('e0', { fail: true }));
  for (let index = 1; index < MANY; index++) await fixture.publish(wish(`e${index}`));
  await fixture.publish(say(neighbour, 'later', {}));
  await eventually('the task is paused', () => paused().length === 1);
}

async function command(act: 'drop' | 'release'): Promise<void> {
  const value = fixture.codec.encode('reminders.control', COMMAND_RECORD, {
    ...{ id: crypto.randomUUID(), act, actor: 'reminder', key, event_id: 'e0' },
    ...{ issued_by: 'tester', issued_at: 1 },
  });
  const topic = fixture.names.physical('reminders.control');
  const partition = fixture.partitionOf(key);
  await fixture.send({ topic, partition, key: Buffer.from(key), value, headers: {} });
}

describe('a key with all behind it that is kept', () => {
  it('J8a pauses its task, says so, and lets it go on in order when there is room', async () => {
    await fill();
    expect(paused()[0]).toMatch(/'ann' of reminder is parked .*park release or drop/);
    const queue = (await fixture.restored(fixture.partitionOf(key))).state.parked.values();
    const [{ bytes = 0, messages = [] } = {}] = [...queue];
    expect(bytes).toBeGreaterThanOrEqual(LIMITS.parkedBytesPerKey);
    expect(messages.length).toBeLessThan(MANY);
    expect(await saidOf(neighbour)).toEqual([]);
    await command('drop');
    await eventually('the neighbour is heard', async () => (await saidOf(neighbour)).length === 1);
    const rest = Array.from({ length: MANY - 1 }, (_, index) => `e${index + 1}`);
    expect(await saidOf(key)).toEqual(rest);
    expect(paused()).toEqual([]);
    expect(run.counts.stalled).toBe(0);
  });

  it('J8a stays paused over a restart, and while what is released fails again', async () => {
    await fill();
    await run.stop();
    run = fixture.run();
    await eventually('the task is paused again', () => paused().length === 1);
    await command('release');
    await command('release');
    await eventually('both are taken', async () => {
      const journal = await fixture.restored(fixture.partitionOf(key));
      return journal.state.positions.get('reminders.control')?.offset === 2;
    });
    expect(paused()).toHaveLength(1);
    expect(await saidOf(neighbour)).toEqual([]);
  });
});
