import { setTimeout as pause } from 'node:timers/promises';
import { afterEach, beforeEach, describe, it } from 'vitest';
import { DESK } from '../support/desk.ts';
import { EngineFixture } from '../support/engine-fixture.ts';
import { eventually } from '../support/eventually.ts';
import { firstEvent } from '../support/test-application.ts';

/** E-11 has 50,000 and 10,000: `PRIORITY_BACKLOG=50000 PRIORITY_BETWEEN_MS=90` for its numbers. */
const LOW = Number(process.env['PRIORITY_BACKLOG'] ?? 20_000);
const NORMAL = LOW / 5;
const ALARMS = 10;
/** Between alarms: 10 a second with E-11's numbers. */
const BETWEEN_MS = Number(process.env['PRIORITY_BETWEEN_MS'] ?? 5);

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
  it('E-11 handles what is critical beside a backlog of low and normal, and all of it in the end', async () => {
    await backlog('desk.report', LOW);
    await backlog('desk.order', NORMAL);
    const handled = new Map<string, number>();
    const count = (type: string): number => handled.get(type) ?? 0;
    const sentAt: number[] = [];
    const tookMs: number[] = [];
    const run = fixture.run({
      onHandled: ({ type, payload }) => {
        handled.set(type, count(type) + 1);
        const { number } = payload as { number: number };
        if (type === 'desk.alarm') tookMs.push(performance.now() - (sentAt[number] ?? 0));
      },
    });
    await eventually('it works on the backlog', () => count('desk.report') > 0);
    for (let number = 0; number < ALARMS; number++) {
      sentAt.push(performance.now());
      await fixture.publish(work('desk.alarm', number));
      await eventually('the alarm is handled', () => count('desk.alarm') === number + 1);
      await pause(BETWEEN_MS);
    }
    console.log(`alarms ≤ ${Math.round(Math.max(...tookMs))} ms before ${LOW + NORMAL} others`);
    await eventually('the reports end', () => count('desk.report') === LOW, 120_000);
    await eventually('and the orders', () => count('desk.order') === NORMAL, 60_000);
    await run.stop();
  }, 240_000);
});
