import { describe, expect, it } from 'vitest';
import { derivedEventId, derivedUlid, hashOf } from '../../engine/derived-id.ts';
import {
  createUlidGenerator,
  IdError,
  isUlid,
  isUuid,
  newCorrelationId,
  parseCorrelationId,
} from '../../avro/index.ts';

const UUID = '550e8400-e29b-41d4-a716-446655440000';

describe('correlation ids', () => {
  it('B-22 come back as the intent id they were made from', () => {
    expect(newCorrelationId(UUID)).toBe(`intent-${UUID}`);
    expect(parseCorrelationId(newCorrelationId(UUID))).toBe(UUID);
  });

  it('B-23 are made from a ULID too', () => {
    const id = createUlidGenerator().next();
    expect(parseCorrelationId(newCorrelationId(id))).toBe(id);
  });

  it.each(['foo', 'intent-', 'intent-foo', UUID, `Intent-${UUID}`, `intent-${UUID}0`])(
    'B-22 refuses %j',
    (text) => expect(() => parseCorrelationId(text)).toThrow(IdError),
  );

  it.each(['', 'foo', `${UUID}1`])('B-22 makes none from %j', (text) =>
    expect(() => newCorrelationId(text)).toThrow(IdError),
  );
});

describe('ULIDs', () => {
  it('B-02 B-91 sort in the order they were taken, all within one millisecond', () => {
    const ids = createUlidGenerator(() => 1_763_000_000_000);
    const taken = Array.from({ length: 10_000 }, () => ids.next());
    expect([...taken].sort()).toEqual(taken);
    expect(new Set(taken).size).toBe(taken.length);
    expect(taken.every(isUlid)).toBe(true);
  });

  it('B-02 go on upwards when the clock goes backwards', () => {
    const times = [1_763_000_000_005, 1_763_000_000_001, 1_763_000_000_000, 1_763_000_000_009];
    const ids = createUlidGenerator(() => times.shift() ?? 0);
    const taken = [ids.next(), ids.next(), ids.next(), ids.next()];
    expect([...taken].sort()).toEqual(taken);
  });

  it('B-91 carry the time they were taken at', () => {
    const ids = createUlidGenerator(
      () => 1,
      () => 0,
    );
    expect(ids.next()).toBe('00000000010000000000000000');
    expect(ids.next()).toBe('00000000010000000000000001');
  });
});

describe('derived ids', () => {
  const of = { causeId: 'one', actor: 'adder', index: 1, time: 1_763_000_000_123_456, sequence: 3 };

  it('J8 are today what they were when the journals that are kept were written', () => {
    expect(derivedEventId({ ...of, family: 'TRADING' })).toBe('01K9XFT7KV001VYTT89Y6E8E38');
    expect(derivedEventId({ ...of, family: 'BOT' })).toBe('bf6b484f-8ce4-4868-bc02-0872e2cc77aa');
    expect(hashOf('ü', 'b').slice(0, 16)).toBe('d12ce04b62faa118');
  });

  it('J8 sort by time, then by place, however late it is', () => {
    const later = 2 ** 52;
    const ids = [
      derivedUlid(0, 1, hashOf('a')),
      derivedUlid(1_000, 0, hashOf('b')),
      derivedUlid(1_000, 65_535, hashOf('c')),
      derivedUlid(later, 0, hashOf('d')),
    ];
    expect([...ids].sort()).toEqual(ids);
    expect(ids.every(isUlid)).toBe(true);
  });
});

describe('formats', () => {
  it('X-02 does not take 37 characters for a UUID', () => {
    expect(isUuid(UUID)).toBe(true);
    expect(isUuid('550e8400-e29b-41d4-a716-4466554400001')).toBe(false);
    expect(isUuid('00000000-0000-0000-0000-000000000000')).toBe(false);
  });

  it('does not take lower case, 27 characters or more than 128 bits for a ULID', () => {
    expect(isUlid('01ARZ3NDEKTSV4RRFFQ69G5FAV')).toBe(true);
    expect(isUlid('01arz3ndektsv4rrffq69g5fav')).toBe(false);
    expect(isUlid('01ARZ3NDEKTSV4RRFFQ69G5FAVX')).toBe(false);
    expect(isUlid('81ARZ3NDEKTSV4RRFFQ69G5FAV')).toBe(false);
  });
});
