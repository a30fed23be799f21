import {
  actor,
  cancelTimer,
  event,
  type Firing,
  type Message,
  setTimer,
} from '../../engine/actor.ts';
import type { EventRecord } from '../../engine/event.ts';
import { buildTopology, type FailurePolicy } from '../../engine/topology.ts';
import { TopologyDriver, type TopologyDriverOptions } from '../../testing/topology-driver.ts';
import { firstEvent, offlineCodec, type TestApplication, testEvents } from './test-application.ts';

/* An actor that reminds, and fails when told to: say → reminder.due, by a timer. */

export interface Wish {
  /** Name of a timer to set. */
  readonly set?: string;
  readonly inMs?: number;
  readonly data?: string;
  readonly cancel?: string;
  /** Throws, whenever it is handled. */
  readonly fail?: boolean;
  /** Throws until it is handled at or after this logical time. */
  readonly failsUntil?: number;
}

const reminder = actor<{ said: readonly string[] }>({
  name: 'reminder',
  state: { version: 1, initial: () => ({ said: [] }) },
  emits: ['reminder.due'],
  handles: {
    say: (state, message: Message<{ readonly wish: string }>, { time }) => {
      const wish = JSON.parse(message.payload.wish) as Wish;
      const inMs = wish.inMs === undefined ? Number.NaN : wish.inMs;
      if (wish.fail === true) throw new Error('told to fail');
      if (time < (wish.failsUntil ?? 0)) throw new Error('not yet');
      return {
        state: { said: [...state.said, message.eventId] },
        timers: [
          ...(wish.set === undefined
            ? []
            : [setTimer(wish.set, time + inMs * 1_000, wish.data ?? '')]),
          ...(wish.cancel === undefined ? [] : [cancelTimer(wish.cancel)]),
        ],
      };
    },
  },
  timers: {
    remind: (state, { data }: Firing<string>) => ({
      state,
      emit: [event('reminder.due', { text: data })],
    }),
  },
});

const { events, schemas } = testEvents('test.reminders', {
  say: { topic: 'wishes', payload: [{ name: 'wish', type: 'string' }] },
  'reminder.due': { topic: 'reminders', payload: [{ name: 'text', type: 'string' }] },
});

export const REMINDERS: TestApplication = {
  definition: { application: 'reminders', actors: [reminder], events },
  records: events.map(({ topic, record }) => ({ topic, record })),
  schemas,
};

export function codecOf() {
  return offlineCodec(REMINDERS);
}

export function say(key: string, id: string, wish: Wish): EventRecord {
  return firstEvent('say', key, id, { wish: JSON.stringify(wish) });
}

export function remindersDriver(
  options: Partial<TopologyDriverOptions> & { readonly onFailure?: FailurePolicy } = {},
): TopologyDriver {
  const { onFailure, ...rest } = options;
  const topology = buildTopology({
    ...REMINDERS.definition,
    ...(onFailure === undefined ? {} : { onFailure }),
  });
  return new TopologyDriver({ topology, codec: offlineCodec(REMINDERS), ...rest });
}

/** Who was reminded of what, in order. */
export function reminders(driver: TopologyDriver): readonly string[] {
  return driver
    .on('reminders')
    .map(({ key, value }) => `${key} ${(value as { payload: { text: string } }).payload.text}`);
}

/** Ids of what was said and taken, in order. */
export function saidOf(driver: TopologyDriver, key: string): readonly string[] {
  const stored = driver.state.states.get('reminder')?.get(key);
  return stored === undefined ? [] : (JSON.parse(stored.json) as { said: string[] }).said;
}
