import { describe, expect, it } from 'vitest';
import { BotError, problemOf } from '../../sdk/typescript/src/index.ts';
import { entryOf, eventOf, NO_OPTIONS } from '../../sdk/typescript/src/event-builder.ts';
import { EventEncoder } from '../../sdk/typescript/src/event-encoder.ts';
import { botEvent } from '../support/bot-events.ts';

const IDENTITY = {
  producer: 'epp',
  instance_name: 'bot-1',
  controller_id: 'epp_v2_4',
  connector_name: 'bitget',
  trading_pair: 'BTC-USDT',
};

function emitted(extra: Readonly<Record<string, unknown>>) {
  const payload = { state: 'running', ...extra };
  return eventOf(IDENTITY, {
    type: 'state_snapshot',
    payload,
    options: NO_OPTIONS,
    upstream: null,
  });
}

const cycle: Record<string, unknown> = { a: 1 };
cycle['again'] = cycle;
const array: unknown[] = [];
array.push(array);
const refuse = (): never => {
  throw new Error('no');
};

describe('a payload with what JSON does not have', () => {
  it.each([
    { name: 'an object that contains itself', value: cycle, code: 'TOO_DEEP' },
    { name: 'an array that contains itself', value: array, code: 'TOO_DEEP' },
    { name: 'a bigint', value: { a: 1n }, code: 'NOT_STORABLE' },
    { name: 'a toJSON that gives a bigint', value: { toJSON: () => 1n }, code: 'NOT_STORABLE' },
    { name: 'a toJSON that throws', value: { toJSON: refuse }, code: 'NOT_STORABLE' },
    { name: 'a toJSON with U+0000', value: { toJSON: () => '\0' }, code: 'NOT_STORABLE' },
  ])('S-43 names the field: $name', ({ value, code }) => {
    const call = (): unknown => emitted({ foo: value });
    expect(call).toThrow(BotError);
    expect(call).toThrow(
      expect.objectContaining({
        code: 'INVALID_EVENT',
        problem: expect.objectContaining({ field: 'payload.foo', code }) as unknown,
      }) as Error,
    );
  });

  it.each([
    { name: 'the payload', event: { ...botEvent('order_filled'), payload: array } },
    { name: 'a field', event: botEvent('order_filled', { producer: cycle }) },
  ])('S-43 names the field where $name contains itself', ({ event }) => {
    expect(problemOf(event)?.field).toMatch(/^(payload|producer)$/);
    expect(problemOf(event)?.message).toContain('that is no JSON was given');
  });

  it('S-28 S-43 keeps what was emitted, whatever becomes of it afterwards', () => {
    const given = { levels: [1, 2] as unknown[], at: new Date(0), none: refuse };
    const event = emitted({ foo: given, none: refuse });
    given.levels.push(1n);
    expect(event.payload['foo']).toEqual({ levels: [1, 2], at: '1970-01-01T00:00:00.000Z' });
    expect(entryOf(event, undefined).json).toContain('"foo":{"levels":[1,2],"at":"1970-');
    const avro = new EventEncoder(() => 1).encode(event, undefined);
    expect(avro.toString('latin1')).toContain('{"levels":[1,2],"at":"1970-');
  });
});
