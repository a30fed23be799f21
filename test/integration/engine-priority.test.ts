import { setTimeout as pause } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { DESK } from '../support/desk.ts';
import { EngineFixture } from '../support/engine-fixture.ts';
import { eventually } from '../support/eventually.ts';
import { firstEvent } from '../support/test-application.ts';

/** With a fifth of it in orders, as E-11 has it. */
const LOW = Number(process.env['PRIORITY_BACKLOG'] ?? 50_000);
const NORMAL = LOW / 5;
/** Alarms come at ten a second, whatever has become of those before, until this much of the backlog is left; */
const LEFT = LOW / 4;
const BETWEEN_MS = 100;
/** so many at least. */
const LEAST_ALARMS = 5;
/** Of the backlog, between an alarm and its turn. Without classes it would be all that was fetched before: most of it. */
const MOST_BETWEEN = (LOW + NORMAL) / 4;
/** The row's own, asked of a machine that is given to it: with PRIORITY_BACKLOG set. */
const HANDLED_MS = process.env['PRIORITY_BACKLOG'] === undefined ? Infinity : 1_000;

let fixture: EngineFixture;
beforeEach(async () => {
  fixture = await EngineFixture.start({ application: DESK });
});
afterEach(() => fixture.end());

/** Large enough that one answer to a fetch holds a small part of the backlog. */
const NOTE = 'x'.repeat(1_000);

const work = (type: string, number: number) =>
  firstEvent(type, `${type}-${number % 500}`, `${type}-${number}`, { number, note: NOTE });

async function backlog(type: string, count: number): Promise<void> {
  for (let from = 0; from < count; from += 500) {
    const length = Math.min(500, count - from);
    const events = Array.from({ length }, (_, index) => work(type, from + index));
    await fixture.publish(...events);
  }
}

describe('classes of sources', () => {
  it('E-11 handles what is critical ahead of a backlog of low and normal, and all in the end', async () => {
    await backlog('desk.report', LOW);
    await backlog('desk.order', NORMAL);
    const handled = new Map<string, number>();
    const count = (type: string): number => handled.get(type) ?? 0;
    const left = (): number => LOW + NORMAL - count('desk.report') - count('desk.order');
    const alarms: Alarm[] = [];
    const run = fixture.run({
      onHandled: ({ type, payload }) => {
        handled.set(type, count(type) + 1);
        const alarm = alarms[(payload as { number: number }).number];
        if (type !== 'desk.alarm' || alarm === undefined) return;
        alarm.tookMs = performance.now() - alarm.dueAt;
        alarm.leftThen = left();
      },
    });
    await eventually('it works on the backlog', () => count('desk.report') > 0);
    const sending: Promise<void>[] = [];
    for (const startedAt = performance.now(); left() > LEFT;) {
      const dueAt = startedAt + alarms.length * BETWEEN_MS;
      await pause(Math.max(0, dueAt - performance.now()));
      alarms.push({ dueAt, leftWhenSent: left(), tookMs: Infinity, leftThen: 0 });
      sending.push(fixture.publish(work('desk.alarm', alarms.length - 1)));
    }
    await Promise.all(sending);
    await eventually('all is handled', () => left() === 0, 120_000);
    await run.stop();
    const worst = Math.max(...alarms.map(({ tookMs }) => tookMs));
    const passed = Math.max(...alarms.map((each) => each.leftWhenSent - each.leftThen));
    const size = `${LOW} low and ${NORMAL} normal`;
    console.log(
      `${alarms.length} alarms, ≤ ${Math.round(worst)} ms, ≤ ${passed} others between, of ${size}`,
    );
    expect(alarms.length).toBeGreaterThanOrEqual(LEAST_ALARMS);
    expect(alarms.at(-1)?.leftThen).toBeGreaterThan(0);
    expect(passed).toBeLessThan(MOST_BETWEEN);
    expect(worst).toBeLessThan(HANDLED_MS);
  }, 240_000);
});

interface Alarm {
  readonly dueAt: number;
  readonly leftWhenSent: number;
  tookMs: number;
  /** Of the backlog, when it was handled. */
  leftThen: number;
}
