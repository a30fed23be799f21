import { describe, expect, it } from 'vitest';
import { cancelTimer, setTimer } from '../../engine/actor.ts';
import type { Firing } from '../../engine/actor.ts';
import { LIMITS } from '../../engine/limits.ts';
import { reminders, remindersDriver, say } from '../support/reminders.ts';

const SECOND = 1_000_000;

describe('timers', () => {
  it('J8 fire once when they are due, with what they were set for, over a restart', () => {
    const driver = remindersDriver();
    driver.publish(say('a', 'e1', { set: 'remind/1', inMs: 1_000, data: 'tea' }));
    driver.publish(say('a', 'e2', { set: 'remind/2', inMs: 3_000, data: 'cake' }));
    driver.advance(999_999);
    expect(driver.emittedTypes).toEqual([]);
    driver.restart();
    driver.advance(1);
    expect(reminders(driver)).toEqual(['a tea']);
    driver.restart();
    driver.advance(60 * SECOND);
    expect(reminders(driver)).toEqual(['a tea', 'a cake']);
    driver.restart();
    driver.advance(60 * SECOND);
    expect(reminders(driver)).toEqual(['a tea', 'a cake']);
    expect(driver.state.timers.size).toBe(0);
  });

  it('J8 are replaced by name, and cancelled; what is not set cannot be', () => {
    const driver = remindersDriver();
    driver.publish(say('a', 'e1', { set: 'remind', inMs: 1_000, data: 'early' }));
    driver.publish(say('a', 'e2', { set: 'remind', inMs: 5_000, data: 'late' }));
    driver.publish(say('b', 'e3', { set: 'remind', inMs: 1_000, data: 'never' }));
    driver.publish(say('b', 'e4', { cancel: 'remind' }));
    driver.publish(say('b', 'e5', { cancel: 'remind' }));
    driver.advance(2 * SECOND);
    expect(reminders(driver)).toEqual([]);
    driver.advance(3 * SECOND);
    expect(reminders(driver)).toEqual(['a late']);
  });

  it('J8 fire in the order of their times, then of their names, whenever they were set', () => {
    const driver = remindersDriver();
    const times = [5, 3, 9, 1, 7, 3, 8, 2];
    times.forEach((second, index) =>
      driver.publish(
        say('a', `e${index}`, {
          set: `remind/${index}`,
          inMs: second * 1_000,
          data: `${second}s ${index}`,
        }),
      ),
    );
    driver.advance(10 * SECOND);
    expect(reminders(driver)).toEqual(
      ['1s 3', '2s 7', '3s 1', '3s 5', '5s 0', '7s 4', '8s 6', '9s 2'].map((text) => `a ${text}`),
    );
  });

  it('J8 neither fire early nor again when the clock goes back', () => {
    const driver = remindersDriver();
    driver.publish(say('a', 'e1', { set: 'remind', inMs: 1_000, data: 'tea' }));
    driver.advance(-3_600 * SECOND);
    expect(reminders(driver)).toEqual([]);
    driver.advance(3_601 * SECOND);
    expect(reminders(driver)).toEqual(['a tea']);
    driver.advance(-3_600 * SECOND);
    driver.publish(say('a', 'e2', { set: 'remind', inMs: 0, data: 'at once' }));
    expect(reminders(driver)).toEqual(['a tea', 'a at once']);
  });

  it('J8 give what they cause ids of the setter, the name and the due time: the same on every replay', () => {
    const ids = [1, 500].map((inputsPerBatch) => {
      const driver = remindersDriver({ inputsPerBatch });
      driver.publish(say('a', 'e1', { set: 'remind', inMs: 1_000, data: 'tea' }));
      driver.advance(SECOND);
      const [batch] = driver.batches.slice(-1);
      expect(batch?.inputs).toMatchObject([{ kind: 'timer', actor: 'reminder', key: 'a' }]);
      expect(driver.replayed().dump()).toBe(driver.state.dump());
      return driver.on('reminders')[0]?.headers['event_id'];
    });
    expect(new Set(ids).size).toBe(1);
  });

  it('J8a wait behind their key when it is blocked', () => {
    const driver = remindersDriver();
    driver.publish(say('a', 'e1', { set: 'remind', inMs: 1_000, data: 'tea' }));
    driver.publish(say('a', 'e2', { fail: true }));
    driver.advance(SECOND);
    expect(reminders(driver)).toEqual([]);
    const queue = driver.state.parked.get('reminder|a');
    expect(queue?.messages.map(({ type }) => type)).toEqual(['say', 'timer:remind']);
    expect(driver.state.timers.size).toBe(0);
  });

  it.each([
    ['without a handler', { set: 'nobody', inMs: 1 }, 'nobody'],
    ['at no time', { set: 'remind', inMs: 0.0005 }, 'whole microseconds'],
  ])('J8 %s park the key and say what to mend', (_, wish, text) => {
    const driver = remindersDriver();
    driver.publish(say('a', 'e1', wish));
    expect(driver.state.parked.get('reminder|a')).toMatchObject({
      code: 'TIMER_INVALID',
      reason: expect.stringContaining(text) as string,
    });
  });

  it('are few enough to be held in memory', () => {
    expect(LIMITS.timersPerTask).toBe(200_000);
    expect(setTimer('x', 1, 'data')).toEqual({ name: 'x', due: 1, data: 'data' });
    const firing: Firing = { name: 'x', due: 1, data: null };
    expect(cancelTimer(firing.name)).toEqual({ name: 'x', due: null });
  });
});
