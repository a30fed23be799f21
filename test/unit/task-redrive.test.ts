import { describe, expect, it } from 'vitest';
import { redriveHeaders } from '../../cli/dlq/redrive-plan.ts';
import { actor } from '../../engine/actor.ts';
import { HEADER } from '../../engine/event.ts';
import type { DriverOutput, TopologyDriver } from '../../testing/topology-driver.ts';
import {
  add,
  adder,
  counterDriver,
  countEvent,
  offlineCounterCodec,
  watcher,
} from '../support/counter.ts';

/** Sets messages aside while the reference is missing. */
const choosy = actor<{ total: number }>({
  ...adder,
  handles: {
    'count.add': (state, message, context) => {
      const { amount, fail } = message.payload as {
        readonly amount: number;
        readonly fail: string;
      };
      const isMended = context.reference('factor').get('all') !== undefined;
      const rest = { ...message, payload: { amount, fail: isMended ? '' : fail } };
      return adder.handles['count.add']?.(state, rest, context) ?? {};
    },
  },
});

/** Takes what the adder sets aside. */
const auditor = actor<{ ids: string[] }>({
  name: 'auditor',
  state: { version: 1, initial: () => ({ ids: [] }) },
  emits: [],
  handles: {
    'count.add': (state, { eventId }) => ({ state: { ids: [...state.ids, eventId] } }),
  },
});

const factor = countEvent('count.factor', 'all', 'f1', { amount: 1 });

function driverOf(): TopologyDriver {
  return counterDriver({ definition: { actors: [choosy, watcher, auditor] } });
}

function letter(driver: TopologyDriver): DriverOutput {
  const [first] = driver.outputs.filter(({ topic }) => topic.startsWith('dlq.'));
  if (first === undefined) throw new Error('no dead letter');
  return first;
}

/** Sends a letter back, as `millrace dlq redrive` does. */
function redrive(driver: TopologyDriver, sent: DriverOutput, place = 0): void {
  const { key, value, headers, topic } = sent;
  driver.publishRaw({
    topic: 'counter.redrive',
    key: Buffer.from(key),
    value: value as Uint8Array,
    headers: redriveHeaders({ id: `${topic}/0/${place}` }, headers),
  });
}

function stateOf(driver: TopologyDriver, name: string, key: string): unknown {
  const json = driver.state.states.get(name)?.get(key)?.json;
  return json === undefined ? null : JSON.parse(json);
}

describe('a dead letter that comes back', () => {
  it('E-58 J7a is handled once, with its event id, however often it is sent', () => {
    const driver = driverOf();
    driver.publish(add('a', 'e1', { amount: 3, fail: 'dead' }));
    driver.publish(factor);
    redrive(driver, letter(driver));
    redrive(driver, letter(driver));
    expect(stateOf(driver, 'adder', 'a')).toEqual({ total: 3 });
    const [total] = driver.on('totals');
    expect(total?.headers[HEADER.causationId]).toBe('e1');
    driver.publish(add('a', 'e1', { amount: 3 }));
    expect(stateOf(driver, 'adder', 'a')).toEqual({ total: 3 });
    driver.restart();
    redrive(driver, letter(driver));
    expect(stateOf(driver, 'adder', 'a')).toEqual({ total: 3 });
  });

  it('E-58 reaches the actor that set it aside, and no other', () => {
    const driver = driverOf();
    driver.publish(add('a', 'e1', { amount: 3, fail: 'dead' }));
    driver.publish(factor);
    redrive(driver, letter(driver));
    expect(stateOf(driver, 'auditor', 'a')).toEqual({ ids: ['e1'] });
    expect(stateOf(driver, 'adder', 'a')).toEqual({ total: 3 });
  });

  it('E-58 is set aside again while nothing has changed, as a letter of its own', () => {
    const driver = driverOf();
    driver.publish(add('a', 'e1', { amount: 3, fail: 'dead' }));
    redrive(driver, letter(driver));
    const letters = driver.on('dlq.count.add');
    expect(letters.map(({ headers }) => headers[HEADER.eventId])).toEqual(['e1', 'e1']);
    driver.publish(factor);
    redrive(driver, letters[1] as DriverOutput, 1);
    expect(stateOf(driver, 'adder', 'a')).toEqual({ total: 3 });
  });

  it('E-55 has the bytes that came, and their place, also where the actor sets it aside itself', () => {
    const driver = driverOf();
    const sent = { ...add('a', 'e1', { amount: 3, fail: 'dead' }), payload_extra: { more: '1' } };
    driver.publish(sent);
    expect(letter(driver).value).toEqual(encoded(sent).value);
    expect(letter(driver).headers).toMatchObject({
      'x-original-topic': 'adds',
      'x-original-partition': '0',
      'x-original-offset': '0',
    });
  });

  it('J7b is held to the key of the topic where it was', () => {
    const driver = driverOf();
    const { value, headers } = encoded(add('a', 'e1', { amount: 3 }));
    driver.publishRaw({ topic: 'adds', key: Buffer.from('other'), value, headers });
    expect(letter(driver).headers['x-error']).toBe('KEY_MISMATCH');
    redrive(driver, letter(driver));
    expect(driver.on('dlq.count.add')).toHaveLength(2);
    expect(driver.state.states.get('adder')).toBeUndefined();
  });

  it('J7a is dropped where the event was handled meanwhile', () => {
    const driver = driverOf();
    const sound = encoded(add('a', 'e1', { amount: 3 }));
    driver.publishRaw({ ...sound, key: Buffer.from('other') });
    driver.publishRaw(sound);
    expect(stateOf(driver, 'adder', 'a')).toEqual({ total: 3 });
    redrive(driver, { ...letter(driver), key: 'a' });
    expect(stateOf(driver, 'adder', 'a')).toEqual({ total: 3 });
    expect(stateOf(driver, 'auditor', 'a')).toEqual({ ids: ['e1'] });
  });

  it('J8a waits behind its key while that is blocked', () => {
    const driver = driverOf();
    driver.publish(add('a', 'e1', { amount: 3, fail: 'dead' }));
    driver.publish(add('a', 'e2', { amount: 3, fail: 'throw' }));
    redrive(driver, letter(driver));
    const queue = driver.state.parked.get('adder|a')?.messages ?? [];
    expect(queue.map(({ eventId }) => eventId)).toEqual(['e2', 'e1']);
  });
});

function encoded(event: ReturnType<typeof add>) {
  const { correlation_id: key, event_id, event_type } = event.envelope;
  return {
    topic: 'adds',
    key: Buffer.from(key),
    value: offlineCounterCodec().encode('adds', 'test.count.Add', event),
    headers: { event_id, event_type },
  };
}
