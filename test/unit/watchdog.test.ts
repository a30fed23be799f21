import { describe, expect, it } from 'vitest';
import type { EngineError } from '../../engine/errors.ts';
import type { KafkaAdmin } from '../../kafka/client.ts';
import { SHELL_LIMITS } from '../../kafka/limits.ts';
import { type TaskProgress, Watchdog } from '../../kafka/watchdog.ts';

const STEP = SHELL_LIMITS.stallMs / 2;

/** One task whose progress the test says, and a clock that it moves. */
function start(first: Partial<TaskProgress> = {}) {
  let now = 0;
  let end: number | Error = 5;
  let progress: TaskProgress | null = {
    mark: 'm',
    backlog: 0,
    reached: new Map([['t', 5]]),
    waitsFor: null,
    dump: { queue: 0 },
    ...first,
  };
  const heals: EngineError[] = [];
  const lines: object[] = [];
  const stalled: number[] = [];
  const watchdog = new Watchdog({
    application: 'a',
    admin: {
      offsets: () =>
        end instanceof Error
          ? Promise.reject(end)
          : Promise.resolve([
              { start: 0, end },
              { start: 0, end },
            ]),
    } as unknown as KafkaAdmin,
    tasks: () => [
      {
        partition: 1,
        get progress() {
          return progress;
        },
        heal: (reason) => heals.push(reason),
      },
    ],
    now: () => now,
    log: { info: () => {}, warn: () => {}, error: (fields) => lines.push(fields) },
    onStalled: (partition) => stalled.push(partition),
  });
  return {
    heals,
    lines,
    stalled,
    watchdog,
    change: (part: Partial<TaskProgress> | null) =>
      (progress = part === null || progress === null ? null : { ...progress, ...part }),
    logEndsAt: (at: number | Error) => (end = at),
    pass: async (checks: number) => {
      for (let check = 0; check < checks; check++) {
        await watchdog.check();
        now += STEP;
      }
    },
  };
}

describe('the watchdog', () => {
  it('heals a task that lags behind its log and does not move, and says what it saw', async () => {
    const { logEndsAt, pass, heals, lines, stalled, watchdog } = start();
    logEndsAt(6);
    await pass(2);
    expect(heals).toEqual([]);
    expect(watchdog.stalledMs(1)).toBe(2 * STEP);
    await pass(1);
    expect(heals.map(({ code, reaction }) => [code, reaction])).toEqual([['STALLED', 'retake']]);
    expect(lines[0]).toMatchObject({ application: 'a', partition: 1, queue: 0 });
    expect(stalled).toEqual([1]);
    expect(watchdog.stalledMs(1)).toBe(0);
  });

  it('heals one that has records in its hands and does not move', async () => {
    const { pass, heals } = start({ backlog: 3 });
    await pass(3);
    expect(heals).toHaveLength(1);
  });

  it('leaves alone what is idle, moves, waits for something known, or is not running', async () => {
    const idle = start();
    await idle.pass(5);
    const moving = start({ backlog: 3 });
    for (let mark = 0; mark < 5; mark++) {
      await moving.pass(1);
      moving.change({ mark: `m${mark}` });
    }
    const waiting = start({ backlog: 3, waitsFor: 'the schema registry' });
    await waiting.pass(5);
    const ended = start({ backlog: 3 });
    ended.change(null);
    await ended.pass(5);
    const away = start();
    away.logEndsAt(new Error('broker away'));
    await away.pass(5);
    for (const { heals } of [idle, moving, waiting, ended, away]) expect(heals).toEqual([]);
  });

  it('counts from when there is work, not from when it moved last', async () => {
    const { change, logEndsAt, pass, heals } = start();
    await pass(10);
    logEndsAt(6);
    await pass(1);
    expect(heals).toEqual([]);
    change({ reached: new Map([['t', 6]]) });
    await pass(5);
    expect(heals).toEqual([]);
  });
});
