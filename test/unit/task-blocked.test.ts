import { describe, expect, it } from 'vitest';
import { COMMAND_RECORD, type Command } from '../../engine/command.ts';
import type { TopologyDriver } from '../../testing/topology-driver.ts';
import { codecOf, reminders, remindersDriver, saidOf, say } from '../support/reminders.ts';

const SECOND = 1_000_000;
const START = 1_700_000_000_000_000;

function command(driver: TopologyDriver, of: Partial<Command>): void {
  const key = of.key ?? 'a';
  const value = codecOf().encode('reminders.control', COMMAND_RECORD, {
    ...{ id: crypto.randomUUID(), act: 'release', actor: 'reminder', key, event_id: '' },
    ...{ issued_by: 'tester', issued_at: START },
    ...of,
  });
  driver.publishRaw({ topic: 'reminders.control', key: Buffer.from(key), value, headers: {} });
}

const waiting = (driver: TopologyDriver, key = 'a'): readonly string[] =>
  driver.state.parked.get(`reminder|${key}`)?.messages.map(({ eventId }) => eventId) ?? [];

describe('a blocked key', () => {
  it('J8a is handled again when an operator releases it: all of it, in order, before what comes then', () => {
    const driver = remindersDriver();
    driver.publish(say('a', 'e1', { failsUntil: START + SECOND }));
    driver.publish(say('a', 'e2', { set: 'remind', inMs: 0, data: 'second' }));
    driver.publish(say('b', 'e3', {}));
    driver.publish(say('a', 'e4', {}));
    expect([waiting(driver), saidOf(driver, 'b')]).toEqual([['e1', 'e2', 'e4'], ['e3']]);
    driver.restart();
    driver.advance(SECOND);
    expect(waiting(driver)).toHaveLength(3);
    command(driver, {});
    expect([waiting(driver), saidOf(driver, 'a')]).toEqual([[], ['e1', 'e2', 'e4']]);
    expect(reminders(driver)).toEqual(['a second']);
    driver.publish(say('a', 'e5', {}));
    expect(saidOf(driver, 'a')).toEqual(['e1', 'e2', 'e4', 'e5']);
    expect(driver.replayed().dump()).toBe(driver.state.dump());
  });

  it('J8a is blocked again by the first that still fails', () => {
    const driver = remindersDriver();
    driver.publish(say('a', 'e1', { failsUntil: START + SECOND }));
    driver.publish(say('a', 'e2', { fail: true }));
    driver.publish(say('a', 'e3', {}));
    command(driver, {});
    expect(waiting(driver)).toEqual(['e1', 'e2', 'e3']);
    driver.advance(SECOND);
    command(driver, {});
    expect([waiting(driver), saidOf(driver, 'a')]).toEqual([['e2', 'e3'], ['e1']]);
    expect(driver.state.parked.get('reminder|a')).toMatchObject({ due: null });
  });

  it('J8a loses its head to the dead letters when an operator drops it, and goes on', () => {
    const driver = remindersDriver();
    driver.publish(say('a', 'e1', { fail: true }));
    driver.publish(say('a', 'e2', {}));
    command(driver, { act: 'drop', event_id: 'e1' });
    expect([waiting(driver), saidOf(driver, 'a')]).toEqual([[], ['e2']]);
    expect(driver.on('dlq.say')[0]?.headers).toMatchObject({
      ...{ event_id: 'e1', 'x-error': 'DROPPED', 'x-error-message': 'Dropped by tester.' },
      ...{ 'x-original-topic': 'wishes', 'x-original-partition': '0', 'x-original-offset': '0' },
      'x-actor': 'reminder',
    });
  });

  it('J8a is left alone by a drop of what is no longer its head, said twice or too late', () => {
    const driver = remindersDriver();
    driver.publish(say('a', 'e1', { fail: true }));
    driver.publish(say('a', 'e2', { fail: true }));
    command(driver, { act: 'drop', event_id: 'e2' });
    expect(waiting(driver)).toEqual(['e1', 'e2']);
    for (let times = 0; times < 2; times++) command(driver, { act: 'drop', event_id: 'e1' });
    expect(waiting(driver)).toEqual(['e2']);
    command(driver, { key: 'other' });
    command(driver, { actor: 'nobody' });
    expect(waiting(driver)).toEqual(['e2']);
  });

  it('J8a keeps a firing in its place when it is released', () => {
    const driver = remindersDriver();
    driver.publish(say('a', 'e1', { set: 'remind', inMs: 500, data: 'tea' }));
    driver.publish(say('a', 'e2', { failsUntil: START + 2 * SECOND }));
    driver.advance(2 * SECOND);
    expect(reminders(driver)).toEqual([]);
    command(driver, {});
    expect([waiting(driver), saidOf(driver, 'a')]).toEqual([[], ['e1', 'e2']]);
    expect(reminders(driver)).toEqual(['a tea']);
  });

  it('sets a command aside that is none', () => {
    const driver = remindersDriver();
    const key = Buffer.from('a');
    const value = Buffer.from('nonsense');
    driver.publishRaw({ topic: 'reminders.control', key, value, headers: {} });
    expect(driver.on('dlq.reminders.control')).toHaveLength(1);
  });
});

describe('the ladder', () => {
  const LADDER = { onFailure: { policy: 'ladder' } } as const;

  it('E-52 E-53 E-54 handles a message again after 10 s, 60 s and 300 s, and tells of each rung', () => {
    const driver = remindersDriver(LADDER);
    driver.publish(say('a', 'e1', { failsUntil: START + 370 * SECOND }));
    const rungs: number[] = [];
    for (let second = 1; second <= 370; second++) {
      driver.advance(SECOND);
      const count = [1, 2, 3].map((rung) => driver.on(`reminders.retry.${rung}`).length);
      rungs.push(count.reduce((sum, each) => sum + each, 0));
    }
    expect([rungs.indexOf(2) + 1, rungs.indexOf(3) + 1]).toEqual([10, 70]);
    expect([waiting(driver), saidOf(driver, 'a')]).toEqual([[], ['e1']]);
    const [first] = driver.on('reminders.retry.1');
    expect(first?.headers).toMatchObject({
      'x-retry': 'say.retry.1',
      event_id: 'e1',
      attempt: '1',
    });
    expect(driver.on('reminders.retry.3')[0]?.headers['x-retry']).toBe('say.retry.3');
    expect(driver.on('dlq.say')).toEqual([]);
  });

  it('E-55 sets it aside after four calls, with error, attempts and origin, and its key goes on', () => {
    const driver = remindersDriver(LADDER);
    driver.publish(say('a', 'e1', { fail: true }));
    driver.publish(say('a', 'e2', {}));
    driver.advance(10 * SECOND);
    driver.advance(60 * SECOND);
    expect(driver.on('dlq.say')).toEqual([]);
    driver.advance(300 * SECOND);
    const [letter, ...others] = driver.on('dlq.say');
    expect(others).toEqual([]);
    expect(letter?.key).toBe('a');
    expect(letter?.headers).toMatchObject({
      ...{ event_id: 'e1', 'x-error': 'HANDLER_THREW', attempt: '4', 'x-actor': 'reminder' },
      ...{ 'x-original-topic': 'wishes', 'x-original-partition': '0', 'x-original-offset': '0' },
    });
    expect([waiting(driver), saidOf(driver, 'a')]).toEqual([[], ['e2']]);
  });

  it('E-56 E-57 survives a restart in the middle, keeps the order of its key, and holds up no other', () => {
    const driver = remindersDriver(LADDER);
    driver.publish(say('a', 'e1', { failsUntil: START + 20 * SECOND }));
    driver.publish(say('a', 'e2', {}));
    driver.advance(10 * SECOND);
    driver.publish(say('b', 'e3', {}));
    expect([saidOf(driver, 'a'), saidOf(driver, 'b')]).toEqual([[], ['e3']]);
    driver.restart();
    driver.advance(59 * SECOND);
    expect(saidOf(driver, 'a')).toEqual([]);
    driver.advance(SECOND);
    expect(saidOf(driver, 'a')).toEqual(['e1', 'e2']);
  });

  it('E-58 J7a handles a dead letter that comes back once, under its own id, however often it is sent', () => {
    const driver = remindersDriver({ onFailure: { policy: 'ladder', delaysMs: [1] } });
    driver.publish(say('a', 'e1', { failsUntil: START + 60 * SECOND }));
    driver.advance(SECOND);
    const [letter] = driver.on('dlq.say');
    const { origin: _origin, ...headers } = letter?.headers ?? {};
    const redrive = () =>
      driver.publishRaw({
        topic: 'reminders.redrive',
        key: Buffer.from('a'),
        value: letter?.value as Uint8Array,
        headers: { ...headers, 'x-redriven-from': 'dlq.say/0/0' },
      });
    driver.advance(60 * SECOND);
    redrive();
    redrive();
    driver.publish(say('a', 'e1', {}));
    expect(saidOf(driver, 'a')).toEqual(['e1']);
  });

  it('E-52 takes the pauses as configured, and says what is wrong with them', () => {
    const driver = remindersDriver({ onFailure: { policy: 'ladder', delaysMs: [500] } });
    driver.publish(say('a', 'e1', { failsUntil: START + SECOND / 2 }));
    driver.advance(SECOND / 2);
    expect(saidOf(driver, 'a')).toEqual(['e1']);
    for (const delaysMs of [[], [0], [1.5]])
      expect(() => remindersDriver({ onFailure: { policy: 'ladder', delaysMs } })).toThrow(
        'onFailure.delaysMs',
      );
  });

  it('starts anew when an operator releases it in between', () => {
    const driver = remindersDriver(LADDER);
    driver.publish(say('a', 'e1', { failsUntil: START + SECOND }));
    driver.advance(SECOND);
    command(driver, {});
    expect(saidOf(driver, 'a')).toEqual(['e1']);
  });
});
