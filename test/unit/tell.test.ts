import { describe, expect, it } from 'vitest';
import { actor, event, reply, tell } from '../../engine/actor.ts';
import type { Envelope, EventRecord } from '../../engine/event.ts';
import { buildTopology } from '../../engine/topology.ts';
import { TopologyDriver } from '../../testing/topology-driver.ts';
import { CREDIT } from '../support/credit.ts';
import { firstEvent, offlineCodec } from '../support/test-application.ts';

const codec = offlineCodec(CREDIT);
const placed = (order: string, customer: string) =>
  firstEvent('order.placed', order, `placed-${order}`, {
    lines: [{ customer, amount: 1, line: 0 }],
  });

describe('tell', () => {
  it('goes under the key it was told to, keeps the correlation, and says who asked', () => {
    const driver = new TopologyDriver({ topology: buildTopology(CREDIT.definition), codec });
    driver.publish(placed('o1', 'ann'));
    const [told] = driver.on('rk.credit');
    expect(told?.key).toBe('ann');
    expect(told?.headers).toMatchObject({ correlation_id: 'o1', reply_key: 'o1' });
    expect(told?.headers['fused']).toBeUndefined();
    const [answer] = driver.on('rk.credit.answers');
    expect([answer?.key, answer?.headers['reply_key']]).toEqual(['o1', 'ann']);
    expect(driver.on('orders.settled').map(({ key }) => key)).toEqual(['o1']);
    expect(driver.on('moves').map(({ key }) => key)).toEqual(['o1']);
  });

  it.each([true, false])(
    'J7 takes no number of its correlation, and is no cause in it (fused: %s)',
    (fuse) => {
      const topology = buildTopology(CREDIT.definition);
      const driver = new TopologyDriver({ topology, codec, fuse });
      const first = placed('o1', 'ann');
      driver.publish(first);
      const on = (topic: string): readonly Envelope[] =>
        driver.on(topic).map(({ value }) => (value as EventRecord).envelope);
      const steps = [first.envelope, ...on('moves'), ...on('orders.settled')];
      expect(steps.map(({ sequence }) => sequence)).toEqual([1, 2, 3]);
      const causes = steps.map(({ causation_id }) => causation_id);
      expect(causes).toEqual([null, ...steps.slice(0, 2).map(({ event_id }) => event_id)]);
      // The question follows the order; its answer also what was said of the order with it.
      const told = [...on('rk.credit'), ...on('rk.credit.answers')];
      expect(told.map(({ causation_id }) => causation_id)).toEqual(causes.slice(1));
      expect(told.map(({ sequence }) => sequence)).toEqual([1, 2]);
      const ids = [...steps, ...told].map(({ event_id }) => event_id);
      expect(new Set(ids).size).toBe(5);
    },
  );

  it('J7b is refused in the wrong partition, and takes any key in the right one', () => {
    const codes: string[] = [];
    const topology = buildTopology(CREDIT.definition);
    const observer = {
      handled: () => {},
      skipped: () => {},
      parked: () => {},
      deadLettered: (topic: string, code: string) => codes.push(`${topic} ${code}`),
    };
    const driver = new TopologyDriver({
      topology,
      codec,
      observer,
      partitionOf: (key) => (Buffer.from(key).toString() === 'far' ? 1 : 0),
    });
    const reserve = firstEvent('credit.reserve', 'o1', 'r1', { amount: 1, line: 0 });
    driver.publish(reserve, 'far');
    expect(codes).toEqual(['dlq.credit.reserve WRONG_PARTITION']);
    driver.publish({ ...reserve, envelope: { ...reserve.envelope, event_id: 'r2' } }, 'near');
    expect(codes).toHaveLength(1);
  });

  it('parks who answers what was not told, and who mistakes an event for it', () => {
    const wrong = (emit: () => ReturnType<typeof event>) =>
      actor<object>({
        name: 'order',
        state: { version: 1, initial: () => ({}) },
        emits: ['credit.reserve', 'order.settled'],
        handles: { 'order.placed': () => ({ emit: [emit()] }) },
      });
    const parkedBy = (emit: () => ReturnType<typeof event>): string | undefined => {
      const topology = buildTopology({ ...CREDIT.definition, actors: [wrong(emit)] });
      const driver = new TopologyDriver({ topology, codec });
      driver.publish(placed('o1', 'ann'));
      return driver.state.parked.get('order|o1')?.reason;
    };
    const payload = { amount: 1, line: 0 };
    expect(parkedBy(() => event('credit.reserve', payload))).toMatch(/without a key; use tell/);
    expect(parkedBy(() => tell('order.settled', 'ann', { answers: [] }))).toMatch(/begin with 'rk/);
    expect(parkedBy(() => reply({}, 'credit.reserve', payload))).toMatch(/was not told/);
    const elsewhere = { replyTo: { key: 'o1', topic: 'rk.nowhere' } };
    expect(parkedBy(() => reply(elsewhere, 'credit.reserve', payload))).toMatch(/rk\.nowhere/);
  });
});
