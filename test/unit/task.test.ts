import { describe, expect, it } from 'vitest';
import type { EffectResult } from '../../engine/actor.ts';
import type { FailureKind } from '../../engine/effect-failure.ts';
import { HEADER } from '../../engine/event.ts';
import { originOf } from '../../engine/origin.ts';
import type { OpenEffect } from '../../engine/task-state.ts';
import { add, countEvent, counterDriver, LADDER_MS, withoutHeaders } from '../support/counter.ts';

const totals = (driver: ReturnType<typeof counterDriver>): unknown[] =>
  driver
    .on('totals')
    .map((output) => (output.value as { payload: { total: number } }).payload.total);

describe('a task', () => {
  it('J3c journals a whole chain as one batch and skips it when it comes back', () => {
    const driver = counterDriver();
    driver.publish(add('a', 'e1', { amount: 2 }));
    expect(driver.batches).toHaveLength(1);
    expect(driver.batches[0]?.inputs.map((input) => [input.kind, input.actor])).toEqual([
      ['record', 'adder'],
      ['chain', 'watcher'],
    ]);
    expect(driver.batches[0]?.emits.map((emit) => emit.topic)).toEqual(['totals', 'rm.count']);
    expect(driver.on('totals')[0]?.headers[HEADER.fused]).toBe('counter/watcher');
    expect(driver.state.positions.get('totals')?.offset).toBe(1);
  });

  it('J6 gives the same events and states fused and unfused', () => {
    const [fused, split] = [counterDriver(), counterDriver({ fuse: false })];
    for (const driver of [fused, split])
      for (let index = 1; index <= 5; index++)
        driver.publish(add(index % 2 === 0 ? 'a' : 'b', `e${index}`, { amount: index }));
    const values = (driver: typeof fused, topic: string): unknown[] =>
      driver.on(topic).map((output) => output.value);
    expect(values(split, 'totals')).toEqual(values(fused, 'totals'));
    expect(values(split, 'rm.count')).toEqual(values(fused, 'rm.count'));
    expect(split.state.states).toEqual(fused.state.states);
  });

  it('J6 handles a record whose fused header was copied by somebody else', () => {
    const driver = counterDriver();
    driver.publish(add('a', 'e1', { amount: 2 }));
    const published = driver.on('totals')[0];
    if (published === undefined) throw new Error('nothing was published');
    driver.publishRaw({
      topic: 'totals',
      key: Buffer.from('a'),
      value: driver.batches[0]?.emits[0]?.value ?? null,
      headers: withoutHeaders(published.headers, HEADER.origin),
    });
    expect(driver.state.states.get('watcher')?.get('a')?.json).toBe('{"seen":[2,2]}');
  });

  it('J7a drops what comes twice from an origin, whatever its event id', () => {
    const driver = counterDriver({ fuse: false });
    driver.publish(add('a', 'e1', { amount: 2 }));
    const { headers } = driver.on('totals')[0] ?? { headers: {} };
    const value = driver.batches[0]?.emits[0]?.value ?? null;
    driver.publishRaw({ topic: 'totals', key: Buffer.from('a'), value, headers });
    expect(originOf(headers)).toMatchObject({ application: 'counter', task: 0, n: 1, index: 0 });
    expect(driver.state.states.get('watcher')?.get('a')?.json).toBe('{"seen":[2]}');
  });

  it('J7a K-06 handles a foreign event id once, also after a restart', () => {
    const driver = counterDriver();
    driver.publish(add('a', 'e1', { amount: 2 }));
    driver.publish(add('a', 'e1', { amount: 2 }));
    driver.restart();
    driver.publish(add('a', 'e1', { amount: 2 }));
    driver.publish(add('a', 'e2', { amount: 3 }));
    expect(totals(driver)).toEqual([2, 5]);
  });

  it('J7 rebuilds byte for byte the same state from its journal', () => {
    const driver = counterDriver();
    driver.publish(countEvent('count.factor', 'all', 'f1', { amount: 10 }));
    driver.publish(add('a', 'e1', { amount: 2 }));
    driver.publish(add('b', 'e2', { amount: 1, fail: 'throw' }));
    driver.publish(add('a', 'e3', { amount: 4, fail: 'effect' }));
    const before = driver.state.dump();
    driver.restart();
    expect(driver.state.dump()).toBe(before);
    expect(driver.openEffects.map((effect) => effect.request.id)).toEqual(['double']);
  });

  it('notes which version of a reference a message read', () => {
    const driver = counterDriver();
    driver.publish(add('a', 'e1', { amount: 2 }));
    driver.publish(countEvent('count.factor', 'all', 'f1', { amount: 10 }));
    driver.publish(add('a', 'e2', { amount: 2 }));
    const reads = driver.batches.flatMap((batch) =>
      batch.inputs.flatMap((input) => input.references),
    );
    expect(reads).toEqual([
      { name: 'factor', id: 'all', version: null },
      { name: 'factor', id: 'all', version: 'f1' },
    ]);
    expect(totals(driver)).toEqual([2, 22]);
  });

  it('derives ids, causes and sequences of emits from their cause', () => {
    const [one, two] = [counterDriver(), counterDriver()];
    for (const driver of [one, two]) driver.publish(add('a', 'e1', { amount: 2 }));
    const envelope = (one.on('totals')[0]?.value as { envelope: Record<string, unknown> }).envelope;
    expect(envelope).toMatchObject({ causation_id: 'e1', sequence: 2, correlation_id: 'a' });
    expect((two.on('totals')[0]?.value as { envelope: unknown }).envelope).toEqual(envelope);
  });

  it('J8 never lets logical time go back', () => {
    const driver = counterDriver();
    driver.publish(add('a', 'e1', { amount: 1 }));
    driver.advance(-3_600_000_000);
    driver.publish(add('a', 'e2', { amount: 1 }));
    expect(driver.batches[1]?.time).toBe(driver.batches[0]?.time);
  });
});

describe('failures', () => {
  it.each([
    ['throw', 'HANDLER_THREW'],
    ['invalid', 'EMIT_INVALID'],
    ['huge', 'EMIT_TOO_LARGE'],
    ['undeclared', 'UNKNOWN_EMIT'],
  ])('J3d parks the key when a handler does %s, and other keys flow', (fail, code) => {
    const driver = counterDriver();
    driver.publish(add('a', 'e1', { amount: 1, fail }));
    driver.publish(add('a', 'e2', { amount: 5 }));
    driver.publish(add('b', 'e3', { amount: 7 }));
    expect(totals(driver)).toEqual([7]);
    const parked = driver.state.parked.get('adder|a');
    expect(parked).toMatchObject({ code });
    expect(parked?.messages.map((message) => message.eventId)).toEqual(['e1', 'e2']);
  });

  it('keeps what the first actors of a chain did when a later one throws', () => {
    const driver = counterDriver();
    driver.publish(add('a', 'e1', { amount: 666 }));
    expect(driver.state.states.get('adder')?.get('a')?.json).toBe('{"total":666}');
    expect(totals(driver)).toEqual([666]);
    expect(driver.state.parked.get('watcher|a')).toMatchObject({ code: 'HANDLER_THREW' });
  });

  it('sends undecodable bytes to the dead letters with their origin, and goes on', () => {
    const driver = counterDriver();
    const value = Buffer.from([9, 9, 9]);
    driver.publishRaw({ topic: 'adds', key: Buffer.from('a'), value, headers: { trace: 'x' } });
    driver.publish(add('a', 'e2', { amount: 5 }));
    expect(driver.on('dlq.adds')[0]).toMatchObject({
      value,
      headers: {
        trace: 'x',
        'x-error': 'UNDECODABLE',
        'x-application': 'counter',
        'x-original-topic': 'adds',
        'x-original-partition': '0',
        'x-original-offset': '0',
      },
    });
    expect(totals(driver)).toEqual([5]);
  });

  it('K-05 sends a record whose key is not its correlation id to the dead letters', () => {
    const driver = counterDriver();
    driver.publish(add('a', 'e1', { amount: 1 }));
    const value = driver.batches[0]?.emits[0]?.value ?? null;
    driver.publishRaw({ topic: 'totals', key: Buffer.from('other'), value, headers: {} });
    expect(driver.on('dlq.totals')[0]?.headers['x-error']).toBe('KEY_MISMATCH');
  });

  it('puts aside what an actor declares dead, with its code', () => {
    const driver = counterDriver();
    driver.publish(add('a', 'e1', { amount: 1, fail: 'dead' }));
    expect(driver.on('dlq.count.add')[0]?.headers).toMatchObject({
      'x-error': 'UNWANTED',
      event_id: 'e1',
    });
  });
});

describe('effects', () => {
  it('are journaled when asked for, and settled by their result, once', () => {
    const driver = counterDriver();
    driver.publish(add('a', 'e1', { amount: 4, fail: 'effect' }));
    const [effect] = driver.openEffects;
    if (effect === undefined) throw new Error('no effect is open');
    driver.restart();
    const result = { ok: true, id: 'double', name: 'count.double', value: 8 } as const;
    driver.settle(effect, result);
    driver.settle(effect, result);
    expect(totals(driver)).toEqual([8]);
    expect(driver.openEffects).toEqual([]);
    const envelope = (driver.on('totals')[0]?.value as { envelope: unknown }).envelope;
    expect(envelope).toMatchObject({ causation_id: 'e1', sequence: 2 });
  });

  const failed = (id: string, kind: FailureKind = 'retry'): EffectResult => {
    return { ok: false, id, name: 'count.double', code: 'AWAY', reason: 'it was', kind };
  };

  it('go down their ladder by the journal, and tell the actor the last result only', () => {
    const driver = counterDriver();
    driver.publish(add('a', 'e1', { amount: 4, fail: 'ladder' }));
    const waits: number[] = [];
    for (let attempt = 1; attempt <= LADDER_MS.length; attempt++) {
      const [effect] = driver.openEffects;
      if (effect === undefined) throw new Error('no effect is open');
      expect(effect).toMatchObject({ attempt, asked: { n: 1, index: 0 } });
      driver.settle(effect, failed('e1'));
      driver.restart();
      // Somebody else performed the same attempt: it is told twice, and counts once.
      driver.settle(effect, failed('e1'));
      waits.push(((driver.openEffects[0]?.dueAt ?? 0) - driver.state.time) / 1000);
    }
    expect(waits).toEqual(LADDER_MS);
    expect(totals(driver)).toEqual([]);
    const [last] = driver.openEffects;
    driver.settle(last as OpenEffect, failed('e1'));
    expect(driver.openEffects).toEqual([]);
    expect(totals(driver)).toEqual([0]);
  });

  it('leave the ladder when an attempt goes well, or says that none will', () => {
    const driver = counterDriver();
    const attemptsOf = (): OpenEffect => driver.openEffects[0] as OpenEffect;
    driver.publish(add('a', 'e1', { amount: 4, fail: 'ladder' }));
    driver.settle(attemptsOf(), failed('e1'));
    driver.settle(attemptsOf(), { ok: true, id: 'e1', name: 'count.double', value: 8 });
    driver.publish(add('a', 'e2', { amount: 4, fail: 'ladder' }));
    driver.settle(attemptsOf(), failed('e2', 'final'));
    expect([totals(driver), driver.openEffects]).toEqual([[8, 8], []]);
  });

  it('spend no attempt on a target that is down, however long', () => {
    const driver = counterDriver();
    driver.publish(add('a', 'e1', { amount: 4, fail: 'ladder' }));
    for (let times = 0; times < 20; times++)
      driver.settle(driver.openEffects[0] as OpenEffect, failed('e1', 'target-down'));
    expect(driver.openEffects[0]).toMatchObject({ attempt: 1, tries: 20 });
    const [effect] = driver.openEffects;
    driver.settle(effect as OpenEffect, { ok: true, id: 'e1', name: 'count.double', value: 8 });
    expect(totals(driver)).toEqual([8]);
  });
});
