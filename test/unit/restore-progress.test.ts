import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { RestoreProgress, TELL_EVERY_MS } from '../../kafka/restore-progress.ts';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

it('J5a a restore that takes long says how far it is, and when it should be done', () => {
  const told: object[] = [];
  const nobody = (): void => undefined;
  const log = { info: (fields: object) => told.push(fields), warn: nobody, error: nobody };
  const progress = new RestoreProgress(log, { application: 'app', partition: 2 });
  progress.note(0.01);
  expect(told).toEqual([]);
  vi.advanceTimersByTime(TELL_EVERY_MS);
  progress.note(0);
  progress.note(0.1);
  vi.advanceTimersByTime(3 * TELL_EVERY_MS);
  progress.note(0.5);
  expect(told).toEqual([
    { application: 'app', partition: 2, percent: 0, secondsLeft: null },
    { application: 'app', partition: 2, percent: 50, secondsLeft: 20 },
  ]);
});
