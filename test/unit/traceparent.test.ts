import { describe, expect, it } from 'vitest';
import { HEADER } from '../../engine/event.ts';
import { atSpan, handlerSpan, isSampled, traceparentOf } from '../../engine/traceparent.ts';
import { add, COUNT_EVENTS, counterDriver, offlineCounterCodec } from '../support/counter.ts';
import { eventHeaders } from '../../avro/index.ts';

const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736';
const GIVEN = `00-${TRACE}-00f067aa0ba902b7-01`;

type Driver = ReturnType<typeof counterDriver>;

/** An addition with a header of its producer's trace. */
function publish(driver: Driver, id: string, fail?: string, given = GIVEN): void {
  const event = add('a', id, { amount: 2, ...(fail === undefined ? {} : { fail }) });
  const { record = '', topic = '' } = COUNT_EVENTS[0] ?? {};
  driver.publishRaw({
    topic,
    key: Buffer.from('a'),
    value: offlineCounterCodec().encode(topic, record, event),
    headers: eventHeaders(event.envelope, { [HEADER.traceparent]: given }),
  });
}

const carried = (driver: Driver, topic: string): unknown =>
  driver.on(topic).map(({ headers }) => headers[HEADER.traceparent]);

describe('trace context', () => {
  it.each([
    '',
    '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7',
    `ff-${TRACE}-00f067aa0ba902b7-01`,
    `00-${'0'.repeat(32)}-00f067aa0ba902b7-01`,
    `00-${TRACE}-${'0'.repeat(16)}-01`,
    `00-${TRACE.toUpperCase()}-00f067aa0ba902b7-01`,
    `${GIVEN}-more`,
  ])('is not taken from %j', (given) => {
    expect(traceparentOf({ [HEADER.traceparent]: given })).toBeNull();
  });

  it('keeps trace and flags from span to span', () => {
    const unwanted = atSpan(GIVEN.replace(/01$/, '00'), 'b7ad6b7169203331');
    expect(unwanted).toBe(`00-${TRACE}-b7ad6b7169203331-00`);
    expect([isSampled(unwanted), isSampled(GIVEN)]).toEqual([false, true]);
  });

  it('J8 goes from handler to handler, the same fused, split and after a restart', () => {
    const adder = handlerSpan(GIVEN, 'adder', 'e1');
    for (const fuse of [true, false]) {
      const driver = counterDriver({ fuse });
      publish(driver, 'e1');
      driver.restart();
      const [total] = driver.on('totals');
      const { envelope } = total?.value as { envelope: { event_id: string; trace_id: string } };
      expect(envelope.trace_id).toBe(TRACE);
      expect(carried(driver, 'totals')).toEqual([adder]);
      expect(carried(driver, 'rm.count')).toEqual([
        handlerSpan(adder, 'watcher', envelope.event_id),
      ]);
      const again = counterDriver({ fuse });
      publish(again, 'e1');
      expect(again.batches).toEqual(driver.batches);
    }
  });

  it('J8 is passed on as it came where nobody wants its spans', () => {
    const unwanted = GIVEN.replace(/01$/, '00');
    const driver = counterDriver();
    publish(driver, 'e1', undefined, unwanted);
    expect(carried(driver, 'totals')).toEqual([unwanted]);
    expect(carried(driver, 'rm.count')).toEqual([unwanted]);
    const { envelope } = driver.on('totals')[0]?.value as { envelope: { trace_id: string } };
    expect(envelope.trace_id).toBe(TRACE);
  });

  it('J8 goes through an effect, and through a key that was parked', () => {
    const driver = counterDriver();
    publish(driver, 'e1', 'effect');
    driver.restart();
    const [effect] = driver.openEffects;
    if (effect === undefined) throw new Error('no effect was asked for');
    expect(effect.cause.traceparent).toBe(handlerSpan(GIVEN, 'adder', 'e1'));
    driver.settle(effect, { ok: true, id: 'double', name: 'count.double', value: 4 });
    const [given, ...others] = [carried(driver, 'totals')].flat();
    expect(traceparentOf({ [HEADER.traceparent]: String(given) })).not.toBeNull();
    expect([others, String(given).slice(3, 35)]).toEqual([[], TRACE]);
    expect(given).not.toBe(effect.cause.traceparent);

    publish(driver, 'e2', 'throw');
    const [queue] = [...driver.replayed().parked.values()];
    expect(queue?.messages[0]?.traceparent).toBe(GIVEN);
  });

  it('leaves a record without it as it was', () => {
    const driver = counterDriver();
    driver.publish(add('a', 'e1', { amount: 2 }));
    expect(carried(driver, 'totals')).toEqual([undefined]);
    expect(driver.on('rm.count').map(({ headers }) => Object.keys(headers))).toEqual([['origin']]);
  });
});
