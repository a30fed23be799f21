import { describe, expect, it } from 'vitest';
import {
  CatalogueError,
  envelope,
  EnvelopeError,
  fromWire,
  IdError,
  isoMicros,
  isUlid,
  microsFromIso,
  TimeError,
  toEnvelope,
  toWire,
} from '../../avro/index.ts';

const UUID = '550e8400-e29b-41d4-a716-446655440000';
const CORRELATION = `intent-${UUID}`;
const rejected = { intentId: UUID, approved: false, reason: 'too much', code: 'NOTIONAL_LIMIT' };

describe('the wire form', () => {
  const record = envelope('risk.rejected', rejected, {
    correlationId: CORRELATION,
    causationId: 'cause',
    sequence: 2,
    eventId: '01ARZ3NDEKTSV4RRFFQ69G5FAV',
    occurredAt: 1_763_000_000_000_001,
  });

  it('B-01 has its keys in the order of the interface', () => {
    expect(JSON.stringify(toWire(record))).toBe(
      '{"eventId":"01ARZ3NDEKTSV4RRFFQ69G5FAV","timestamp":"2025-11-13T02:13:20.000001Z",' +
        `"topic":"risk.rejected","correlationId":"${CORRELATION}","causationId":"cause",` +
        `"payload":{"intentId":"${UUID}","approved":false,"reason":"too much","code":"NOTIONAL_LIMIT"},` +
        '"version":1,"sequence":2}',
    );
  });

  it('B-07 has topic and no event_type', () => {
    expect(toWire(record).topic).toBe('risk.rejected');
    expect(JSON.stringify(toWire(record))).not.toContain('event_type');
  });

  it('X-08 shows metadata as a value and unknown keys after the known ones', () => {
    const payload = { intentId: UUID, metadata: { a: [1] }, zebra: { b: null }, alpha: 1 };
    const wire = toWire(envelope('intent.submitted', payload, { correlationId: CORRELATION }));
    expect(JSON.stringify(wire.payload)).toBe(
      `{"intentId":"${UUID}","metadata":{"a":[1]},"zebra":{"b":null},"alpha":1}`,
    );
  });

  it('goes back to the record it came from', () => {
    expect(fromWire(toWire(record), { producer: 'millrace' })).toEqual(record);
  });

  it('B-06 refuses a topic that is not in the catalogue', () => {
    const wire = { ...toWire(record), topic: 'intent.foo' };
    expect(() => fromWire(wire, { producer: 'p' })).toThrow(CatalogueError);
  });
});

describe('envelope', () => {
  it('B-03 fills id, time and version, and makes causation null', () => {
    const before = Date.now() * 1000;
    const { envelope: made } = envelope('risk.rejected', rejected, { correlationId: CORRELATION });
    expect(made).toMatchObject({
      family: 'TRADING',
      event_type: 'risk.rejected',
      event_version: 1,
      causation_id: null,
      correlation_id: CORRELATION,
    });
    expect(isUlid(made.event_id)).toBe(true);
    expect(made.occurred_at).toBeGreaterThanOrEqual(before);
  });

  it.each([{}, { correlationId: '' }, undefined])('B-03 refuses %j', (options) => {
    expect(() => envelope('risk.rejected', rejected, options as never)).toThrow(EnvelopeError);
  });

  it('B-34 refuses an event type that is not in the catalogue', () => {
    const options = { correlationId: CORRELATION };
    expect(() => envelope('intent.hack', {}, options)).toThrow(CatalogueError);
  });

  it('B-05 keeps the payload and the ids of an aggregate’s event', () => {
    const options = { correlationId: CORRELATION, causationId: 'cause' };
    const record = toEnvelope('risk.rejected', UUID, rejected, options);
    expect(record.payload).toEqual(rejected);
    expect(record.envelope).toMatchObject({
      correlation_id: CORRELATION,
      causation_id: 'cause',
      subject_type: 'risk',
      subject_id: UUID,
    });
    expect(() => toEnvelope('risk.rejected', 'foo', rejected, options)).toThrow(IdError);
  });
});

describe('times', () => {
  it.each([
    [0, '1970-01-01T00:00:00.000000Z'],
    [-1, '1969-12-31T23:59:59.999999Z'],
    [1_763_000_000_123_456, '2025-11-13T02:13:20.123456Z'],
  ])('writes %d as %s and reads it', (micros, text) => {
    expect(isoMicros(micros)).toBe(text);
    expect(microsFromIso(text)).toBe(micros);
  });

  it('reads fewer decimals', () => {
    expect(microsFromIso('1970-01-01T00:00:01.5Z')).toBe(1_500_000);
    expect(microsFromIso('1970-01-01T00:00:01Z')).toBe(1_000_000);
  });

  it.each([
    '2026-02-31T00:00:00Z',
    '2026-01-01T24:00:00Z',
    '2026-01-01T00:00:00',
    '2026-01-01T00:00:00+01:00',
    '2026-01-01T00:00:00.1234567Z',
    '9999-01-01T00:00:00Z',
    '',
  ])('refuses %j', (text) => {
    expect(() => microsFromIso(text)).toThrow(TimeError);
  });

  it.each([0.5, NaN, 2 ** 53])('writes no %d', (micros) => {
    expect(() => isoMicros(micros)).toThrow(TimeError);
  });
});
