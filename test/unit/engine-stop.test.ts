import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { KafkaError, type SendResult } from '../../kafka/client.ts';
import { SHELL_LIMITS } from '../../kafka/limits.ts';
import { MemoryKafka } from '../../testing/memory-kafka.ts';
import { actualCounts, expectedCounts, repeated } from '../support/counter-model.ts';
import { add } from '../support/counter.ts';
import { EngineFixture, PARTITIONS } from '../support/engine-fixture.ts';
import { type Faults, faultyClient } from '../support/faulty-client.ts';

const ADDITIONS = 50;

let fixture: EngineFixture;
let faults: Faults;
beforeEach(async () => {
  faults = {};
  fixture = await EngineFixture.start({ client: faultyClient(new MemoryKafka(), faults) });
});
afterEach(() => fixture.end());

async function addTo(keys: number): Promise<void> {
  const additions = Array.from({ length: ADDITIONS }, (_, nth) =>
    add(`key-${nth % keys}`, `e${nth}`, { amount: nth }),
  );
  await fixture.publish(...additions);
}

describe('a member that is told to stop', () => {
  it.each([
    ['stay', 'counter.1'],
    ['leave', 'counter.2'],
  ] as const)(
    'J5 journals what it has published: who comes next looks into no output, and publishes nothing again (%s, then %s)',
    async (how, instanceId) => {
      const first = await fixture.running();
      await addTo(17);
      await first.handled(ADDITIONS);
      await first.stop(how);
      const outputs = fixture.topology().sinks.map((topic) => fixture.names.physical(topic));
      faults.fetch = (positions, fetch) => {
        if (!positions.some(({ topic }) => outputs.includes(topic))) return fetch(positions);
        throw new KafkaError('NETWORK', true, 'This output cannot be read.');
      };
      const second = fixture.run({ instanceId });
      await second.ready();
      expect(second.counts.republished).toBe(0);
      delete faults.fetch;
      await second.stop();
      expect(await repeated(fixture, 'totals')).toBe(0);
      expect(await actualCounts(fixture)).toEqual(await expectedCounts(fixture));
    },
  );

  it('ends within its bound when the broker never answers, and says that there was more to finish', async () => {
    const run = await fixture.running();
    faults.produce = (records, send) => {
      const isOwn = records.some(({ topic }) => topic.endsWith('.journal'));
      return isOwn ? new Promise<readonly SendResult[]>(() => {}) : send(records);
    };
    await addTo(17);
    await run.handled(ADDITIONS);
    const startedAt = performance.now();
    await expect(run.stop()).rejects.toMatchObject({
      code: 'STOP_UNFINISHED',
      message: expect.stringContaining('Nothing is lost') as string,
    });
    const { drainMs, finishMs, lastCommitMs, closeMs } = SHELL_LIMITS;
    expect(performance.now() - startedAt).toBeGreaterThan(drainMs);
    expect(finishMs + lastCommitMs + closeMs).toBeLessThan(10_000);
    expect(run.status.tasks).toHaveLength(PARTITIONS);
  });
});
