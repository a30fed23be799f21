import { afterEach, beforeEach, expect, it } from 'vitest';
import { createLog } from '../../apps/log.ts';
import { createMetrics } from '../../apps/metrics.ts';
import { serve } from '../../apps/service-server.ts';
import { botFindings } from '../../cli/doctor/bot-findings.ts';
import { examine } from '../../cli/doctor/examine.ts';
import { examineService } from '../../cli/doctor/service-findings.ts';
import { parkedKeys } from '../../cli/park/parked-keys.ts';
import { JOURNAL_RECORD } from '../../engine/journal.ts';
import { applyTopics } from '../../kafka/topics.ts';
import { MemoryKafka } from '../../testing/memory-kafka.ts';
import { topicsOf } from '../../topologies/topics.ts';
import { add, countEvent } from '../support/counter.ts';
import { EngineFixture, PARTITIONS } from '../support/engine-fixture.ts';
import type { EngineRun } from '../support/engine-run.ts';
import { eventually } from '../support/eventually.ts';
import { logSessionOf } from '../support/log-session.ts';

let fixture: EngineFixture;
let run: EngineRun;

beforeEach(async () => {
  fixture = new EngineFixture({ client: new MemoryKafka() });
  const { admin, names } = fixture;
  const settings = { partitions: PARTITIONS, replicationFactor: 1, names };
  await applyTopics(admin, topicsOf([fixture.topology()]), settings);
  run = await fixture.running();
});

afterEach(() => fixture.end());

const LATER_MS = 60_000;

async function diagnose(laterMs = 0) {
  const nowMs = Date.now() + laterMs;
  const options = { sinceMs: null, nowMs, config: null, partitions: PARTITIONS };
  return examine(logSessionOf(fixture), options);
}

async function codes(laterMs = 0): Promise<readonly string[]> {
  const { findings } = await diagnose(laterMs);
  const wrong = findings.filter(({ level }) => level === 'wrong');
  return wrong.map(({ code, where }) => `${code} ${where}`);
}

it('J10 finds nothing wrong with what works, and says what one node gives up', async () => {
  await fixture.publish(add('a', 'one', { amount: 1 }), add('b', 'two', { amount: 2 }));
  await run.handled(4);
  await eventually('its outputs are read again', async () => {
    const { tasks } = await diagnose();
    return tasks.every(({ waiting }) => waiting === 0);
  });
  const { findings, tasks } = await diagnose(LATER_MS);
  expect(findings.filter(({ level }) => level === 'wrong')).toEqual([]);
  expect(findings.map(({ code }) => code)).toContain('LOG_MAY_FORGET');
  expect(tasks.map(({ partition }) => partition)).toEqual([0, 1, 2, 3]);
});

it('J8a J2 finds parked keys, dead letters and void batches', async () => {
  const dead = Array.from({ length: 11 }, (_, at) =>
    add('e', `e${at}`, { amount: 1, fail: 'dead' }),
  );
  await fixture.publish(add('d', 'd1', { amount: 1, fail: 'throw' }), ...dead);
  await eventually('all is set aside', () => {
    const { parked, deadLettered } = run.counts;
    return parked.length === 1 && deadLettered.length === 11;
  });
  await eventually('the letters are published', async () => {
    return (await fixture.read('dlq.count.add')).length === 11;
  });
  await run.stop();
  const partition = fixture.partitionOf('d');
  const [, entry] = (await fixture.journal(partition)).at(-1) ?? [];
  if (entry?.kind !== 'batch') throw new Error('the journal ends without a batch');
  await fixture.appendToJournal(partition, JOURNAL_RECORD.batch, entry.batch);
  expect(await codes()).toEqual([`KEYS_PARKED counter/${partition}`, 'DEAD_LETTERS dlq.count.add']);
  const { findings } = await diagnose();
  expect(findings.map(({ code }) => code)).toContain('VOID_BATCHES');
});

it('E-52 notes keys that are on their ladder, and when they are handled again', async () => {
  await run.stop();
  const topology = fixture.topology({ onFailure: { policy: 'ladder', delaysMs: [600_000] } });
  await fixture.createMissingTopics(topology);
  run = fixture.run({ topology });
  await run.ready();
  await fixture.publish(add('d', 'd1', { amount: 1, fail: 'throw' }));
  const partition = fixture.partitionOf('d');
  await eventually('it is on its ladder', async () => {
    return (await fixture.restored(partition)).state.parked.size === 1;
  });
  await run.stop();
  expect(await codes()).toEqual([]);
  const found = (await diagnose()).findings.find(({ code }) => code === 'KEYS_PARKED');
  expect(found).toMatchObject({ level: 'note', where: `counter/${partition}` });
  const [parked] = await parkedKeys(logSessionOf(fixture), null);
  expect(parked).toMatchObject({ attempt: 1, due: expect.stringMatching(/^20.*Z$/) as string });
});

it('J5a finds a task in front of which records wait', async () => {
  await run.stop();
  await fixture.publish(add('a', 'one', { amount: 1 }));
  const partition = fixture.partitionOf('a');
  expect(await codes()).toEqual([]);
  expect(await codes(LATER_MS)).toEqual([`TASK_STALLED counter/${partition}`]);
});

it('J5a notes a task in front of which records wait a moment', async () => {
  await run.stop();
  await fixture.publish(add('a', 'one', { amount: 1 }), add('a', 'two', { amount: 1 }));
  const { findings } = await diagnose();
  const lag = findings.find(({ code }) => code === 'TASK_LAG');
  expect(lag).toMatchObject({ level: 'note', where: `counter/${fixture.partitionOf('a')}` });
  expect(lag?.what).toMatch(/^2 records of adds wait, the oldest for \d+ s$/);
});

it('J5a finds a group without a member, and notes one whose members are being assigned anew', async () => {
  const stateOf = async (): Promise<string | undefined> => {
    const groups = (await diagnose()).findings.filter(({ code }) => code.startsWith('GROUP_'));
    return groups.map(({ level, code, where }) => `${level} ${code} ${where}`).join();
  };
  expect(await stateOf()).toBe('');
  await run.stop('leave');
  expect(await stateOf()).toBe('wrong GROUP_EMPTY counter');
  const drained = Promise.withResolvers<void>();
  const [groupId, topic] = ['counter', 'counter.journal'].map((name) =>
    fixture.names.physical(name),
  ) as [string, string];
  const member = (instanceId: string) =>
    fixture.client.joinGroup({
      ...{ groupId, topic, instanceId, sessionTimeoutMs: 6_000, heartbeatIntervalMs: 100 },
      onAssigned: async () => {},
      onRevoked: () => drained.promise,
      onFenced: () => {},
    });
  const first = member('1');
  await eventually('the first has joined', () => first.joined);
  const second = member('2');
  await eventually('the second has joined', () => second.joined);
  expect(await stateOf()).toBe('note GROUP_REBALANCING counter');
  drained.resolve();
  await eventually('all is assigned', async () => (await stateOf()) === '');
  await Promise.all([first.close('leave'), second.close('leave')]);
});

it('J4 finds a source that no longer holds what the journal stands at', async () => {
  await fixture.publish(add('a', 'one', { amount: 1 }));
  await run.handled(2);
  await run.stop();
  await fixture.publish(add('a', 'two', { amount: 1 }), add('a', 'three', { amount: 1 }));
  const partition = fixture.partitionOf('a');
  await fixture.admin.deleteRecords(fixture.names.physical('adds'), partition, 2);
  expect(await codes()).toEqual([`DATA_LOSS counter/${partition}`]);
});

it('finds an event that is missing in the middle of a correlation', async () => {
  const third = countEvent('count.add', 'a', 'three', { amount: 1 });
  const envelope = { ...third.envelope, sequence: 4 };
  await fixture.publish(add('a', 'one', { amount: 1 }), { ...third, envelope });
  await run.handled(4);
  await eventually(
    'its totals are published',
    async () => (await fixture.read('totals')).length === 2,
  );
  const { findings } = await diagnose(LATER_MS);
  const gap = findings.find(({ code }) => code === 'SEQUENCE_GAP');
  expect(gap?.what).toBe('1 correlations miss events: a (3)');
});

it('K-08 finds topics that are missing or set otherwise', async () => {
  const { admin, names } = fixture;
  await run.stop();
  await admin.deleteTopics([names.physical('dlq.adds')]);
  await admin.alterTopicConfigs(names.physical('adds'), { 'retention.ms': '1' });
  expect(await codes()).toEqual(['TOPIC_MISSING dlq.adds', 'TOPIC_DIFFERS adds']);
});

it('finds a service that is away or not healthy', async () => {
  const log = createLog({ app: 'gateway', instanceId: '1', level: 'silent' });
  const redis = () => Promise.reject(new Error('away'));
  const options = { app: 'gateway' as const, port: 0, metrics: createMetrics(), log };
  const server = await serve({ ...options, checks: { redis } });
  const url = `http://127.0.0.1:${server.port}`;
  const found = await examineService('gateway', url);
  expect(found.filter(({ level }) => level === 'wrong')).toMatchObject([
    { code: 'SERVICE_UNHEALTHY', what: 'not healthy: redis' },
  ]);
  await server.close();
  expect(await examineService('gateway', url)).toMatchObject([{ code: 'SERVICE_AWAY' }]);
});

it('J5a notes a service whose event loop is late, and whose watchdog has fired', async () => {
  const log = createLog({ app: 'gateway', instanceId: '1', level: 'silent' });
  const metrics = createMetrics();
  const options = { app: 'gateway' as const, port: 0, metrics, log };
  const server = await serve({ ...options, checks: {} });
  const url = `http://127.0.0.1:${server.port}`;
  const codesOf = async (): Promise<readonly string[]> =>
    (await examineService('gateway', url)).map(({ level, code }) => `${level} ${code}`);
  const isQuiet = async (): Promise<boolean> => (await codesOf()).length === 0;
  await eventually('nothing is late', isQuiet);
  metrics.watchdogTotal.inc({ application: 'counter' });
  await eventually('the watchdog alone is noted', async () => {
    return (await codesOf()).join() === 'note WATCHDOG_FIRED';
  });
  // The delay is known once the timer that was late has run, and is told to one scrape only: so late again for each look.
  await eventually('both are noted', async () => {
    const until = performance.now() + 500;
    while (performance.now() < until);
    return (await codesOf()).join() === 'note EVENT_LOOP_LATE,note WATCHDOG_FIRED';
  });
  await server.close();
});

it('S-29 S-36 finds what of bots never came, was rejected or waits', () => {
  const explained = { duplicate: 4, conflict: 1, invalid: 2 };
  const fine = { explained: { ...explained, conflict: 0, invalid: 0 }, unexplained: 0 };
  const report = { pending: 0, unexplained: [], log_gaps: [] };
  expect(botFindings({ ...report, total: fine as never })).toEqual([]);
  const lost = { producer: 'epp.bot1/7', topic: 'orders', partition: 2, sequence: 41 };
  const found = botFindings({
    pending: 60_000,
    total: { explained, unexplained: 1 } as never,
    unexplained: [lost as never],
    log_gaps: [],
  });
  expect(found.map(({ level, code }) => `${level} ${code}`)).toEqual([
    'wrong BOT_EVENTS_LOST',
    'note BOT_EVENTS_REJECTED',
    'wrong BOT_STORE_BEHIND',
  ]);
  expect(found[0]?.what).toContain('epp.bot1/7 on orders/2: 41');
});
