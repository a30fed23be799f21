import { expect, it } from 'vitest';
import { engineObserver } from '../../apps/engine-observer.ts';
import { createLog, eventFields, type LogOptions } from '../../apps/log.ts';
import { createMetrics } from '../../apps/metrics.ts';
import { buildTopology } from '../../engine/topology.ts';
import { REMINDERS, remindersDriver, say } from '../support/reminders.ts';

function logTo(level: LogOptions['level']) {
  const lines: Record<string, unknown>[] = [];
  const destination = {
    write: (line: string) => void lines.push(JSON.parse(line) as Record<string, unknown>),
  };
  return { log: createLog({ app: 'trading', instanceId: '7', level, destination }), lines };
}

it('B-20 writes a JSON object per line, with app, instance, level as a word and ISO time', () => {
  const { log, lines } = logTo('info');
  log.warn({ component: 'redis' }, 'component is away');
  expect(lines).toEqual([
    {
      level: 'warn',
      time: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/) as string,
      app: 'trading',
      instance: '7',
      component: 'redis',
      msg: 'component is away',
    },
  ]);
});

it('B-85 names topic, correlationId and eventId of the event that a line is about', () => {
  const { log, lines } = logTo('info');
  const event = { event_type: 'plan.created', correlation_id: 'intent-1', event_id: 'E' };
  log.info(eventFields(event), 'planned');
  log.child(eventFields(event)).info('again');
  for (const line of lines) {
    expect(line).toMatchObject({ topic: 'plan.created', correlationId: 'intent-1', eventId: 'E' });
  }
});

it('B-85 names the event behind which a key is parked, each time it fails, and of its dead letter', () => {
  const { log, lines } = logTo('warn');
  const observer = engineObserver(buildTopology(REMINDERS.definition), createMetrics(), log);
  const driver = remindersDriver({ observer, onFailure: { policy: 'ladder' } });
  driver.publish(say('a', 'e1', { fail: true }));
  for (const seconds of [10, 60, 300]) driver.advance(seconds * 1_000_000);
  const said = expect.stringMatching(/^reminder failed: told to fail/) as string;
  expect(lines.map(({ msg }) => msg)).toEqual([said, said, said, 'dead letter']);
  for (const line of lines)
    expect(line).toMatchObject({ topic: 'say', correlationId: 'a', eventId: 'e1' });
  expect(lines[3]).toMatchObject({ deadLetter: 'dlq.say', origin: 'wishes/0/0' });
});

it('leaves out what is below its level', () => {
  const { log, lines } = logTo('warn');
  log.info('quiet');
  log.error('loud');
  expect(lines.map((line) => line['msg'])).toEqual(['loud']);
});
