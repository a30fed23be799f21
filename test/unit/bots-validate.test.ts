import { describe, expect, it } from 'vitest';
import { AvroCodec, BOT_EVENTS, BOT_RECORDS, BOT_RULES } from '../../avro/index.ts';
import {
  type BotRecord,
  botContent,
  botPayload,
  microsOfUtc,
  takeBotJson,
  takeBotRecord,
  validateBotEvent,
} from '../../processors/bots/index.ts';
import { BOT_PAYLOADS, botEvent, botEventWith, jsonBytes } from '../support/bot-events.ts';

/** `field code` of what is refused, null when it passes. */
function failureOf(event: unknown, options = {}): string | null {
  const found = validateBotEvent(event, options);
  return found === null ? null : `${found.field} ${found.code}`;
}

function taken(event: unknown): BotRecord {
  const intake = takeBotJson(jsonBytes(event));
  if (!intake.ok) throw new Error(intake.rejection.message);
  return intake.taken.record;
}

describe('the envelope of a bot event', () => {
  it.each(Object.keys(BOT_PAYLOADS))('S-02 takes %s', (type) => {
    expect(failureOf(botEvent(type))).toBeNull();
  });

  // As the document has them: from the rules alone, one that is missing there would be missing here.
  const REQUIRED = [
    'event_id',
    'event_type',
    'event_version',
    'ts_utc',
    'producer',
    'instance_name',
    'controller_id',
    'connector_name',
    'trading_pair',
    'correlation_id',
    'payload',
  ];

  it.each(REQUIRED)('S-04 S-24 needs %s', (name) => {
    expect(failureOf(botEvent('order_created', { [name]: undefined }))).toBe(`${name} REQUIRED`);
    expect(failureOf(botEvent('order_created', { [name]: null }))).toBe(`${name} REQUIRED`);
  });

  it.each([
    ['S-03', 'event_id', '123', 'NOT_A_UUID_V4'],
    ['S-03', 'event_id', '6ba7b810-9dad-11d1-80b4-00c04fd430c8', 'NOT_A_UUID_V4'],
    ['S-03', 'event_id', 7, 'NOT_A_STRING'],
    ['S-25', 'event_type', 'order_expired', 'UNKNOWN_EVENT_TYPE'],
    ['S-25', 'event_type', 'constructor', 'UNKNOWN_EVENT_TYPE'],
    ['S-05', 'event_version', 'v2', 'UNKNOWN_VERSION'],
    ['S-07', 'producer', '', 'EMPTY'],
    ['S-08', 'instance_name', '', 'EMPTY'],
    ['S-09', 'controller_id', 4, 'NOT_A_STRING'],
    ['S-10', 'connector_name', 'x'.repeat(201), 'TOO_LONG'],
    ['S-11', 'trading_pair', 'BTC\u0000USDT', 'NOT_STORABLE'],
    ['S-12', 'correlation_id', 'xyz', 'NOT_A_UUID'],
    ['S-13', 'payload', [], 'NOT_AN_OBJECT'],
    ['S-13', 'payload', '{}', 'NOT_AN_OBJECT'],
  ])('%s refuses %s %j with %s', (_row, name, value, code) => {
    expect(failureOf(botEvent('order_created', { [name]: value }))).toBe(`${name} ${code}`);
  });

  it('S-10 takes a connector that nobody knows; S-12 an empty correlation', () => {
    const change = { connector_name: 'moon_exchange', correlation_id: '' };
    expect(failureOf(botEvent('order_created', change))).toBeNull();
  });

  it('S-17 lets the correlation be absent in a legacy import only', () => {
    const event = botEvent('order_created', { correlation_id: undefined });
    expect(failureOf(event)).toBe('correlation_id REQUIRED');
    expect(failureOf(event, { legacy: true })).toBeNull();
    const intake = takeBotJson(jsonBytes(event), { legacy: true });
    expect(intake).toMatchObject({
      taken: { backfilled: true, record: { envelope: { correlation_id: event['event_id'] } } },
    });
  });

  it.each([
    '2026-02-30T00:00:00Z',
    'yesterday',
    '2026-01-01T00:00:00',
    '2026-01-01T00:00:00+02:00',
    '2026-13-01T00:00:00Z',
    '2026-01-01T24:00:00Z',
    '2025-02-29T00:00:00Z',
    '2026-01-01',
    '',
  ])('S-26 refuses the time %j', (ts_utc) => {
    expect(failureOf(botEvent('order_created', { ts_utc }))).toBe('ts_utc NOT_A_UTC_TIMESTAMP');
  });

  it('S-26 S-06 keeps microseconds, and takes Z and +00:00', () => {
    expect(microsOfUtc('2026-01-01T00:00:00.123456Z')).toBe(1_767_225_600_123_456);
    expect(microsOfUtc('2026-01-01T00:00:00.123456789+00:00')).toBe(1_767_225_600_123_456);
    expect(microsOfUtc('1970-01-01T00:00:00Z')).toBe(0);
    for (const text of ['1999-12-31T23:59:59.9Z', '2024-02-29T12:00:00Z', '1900-03-01T00:00:00Z'])
      expect(microsOfUtc(text)).toBe(Date.parse(text) * 1000);
  });
});

describe('the payload of a bot event', () => {
  // As the document has them: required, then optional; price is required of the order that these payloads say.
  const DOCUMENT: Readonly<Record<string, readonly [needed: string, optional: string]>> = {
    order_created: ['client_order_id side order_type price amount_base is_live', 'amount_quote'],
    order_cancelled: ['client_order_id', 'reason cancel_source'],
    order_failed: ['error_message', 'client_order_id error_code failure_stage'],
    order_filled: [
      'client_order_id fill_price fill_qty_base fill_qty_quote fee_asset fee_amount liquidity_side',
      'fill_id',
    ],
    risk_decision: ['approved decision reason', 'max_notional_quote policy_name'],
    state_snapshot: [
      'state',
      'regime net_edge_pct spread_pct base_pct target_base_pct equity_quote',
    ],
  };
  const FIELDS = Object.entries(DOCUMENT).flatMap(([type, [needed, optional]]) => [
    ...needed.split(' ').map((name) => ({ type, name, isNeeded: true })),
    ...optional.split(' ').map((name) => ({ type, name, isNeeded: false })),
  ]);

  it.each(FIELDS)('S-27 $type: $name is required as the document says', (field) => {
    const { type, name, isNeeded } = field;
    const expected = isNeeded ? `payload.${name} REQUIRED` : null;
    expect(failureOf(botEventWith(type, { [name]: undefined }))).toBe(expected);
  });

  it('S-27 S-02 knows these fields and no other', () => {
    const ruled = Object.entries(BOT_RULES.events).flatMap(([type, { payload }]) =>
      payload.map(({ name }) => `${type}.${name}`),
    );
    expect(ruled.sort()).toEqual(FIELDS.map(({ type, name }) => `${type}.${name}`).sort());
  });

  it('S-18 needs a price for limit-like orders only', () => {
    const order = (order_type: string) =>
      failureOf(botEventWith('order_created', { order_type, price: undefined }));
    expect(order('market')).toBeNull();
    expect(order('limit_maker')).toBe('payload.price REQUIRED');
  });

  it.each([
    ['S-18', 'order_created', 'side', 'long', 'NOT_ALLOWED'],
    ['S-18', 'order_created', 'is_live', 'true', 'NOT_A_BOOLEAN'],
    ['S-18', 'order_created', 'amount_base', '1,5', 'NOT_A_DECIMAL'],
    ['S-18', 'order_created', 'amount_base', '1e999', 'NOT_A_DECIMAL'],
    ['S-19', 'order_cancelled', 'cancel_source', 'user', 'NOT_ALLOWED'],
    ['S-20', 'order_failed', 'failure_stage', 'send', 'NOT_ALLOWED'],
    ['S-21', 'order_filled', 'liquidity_side', 'both', 'NOT_ALLOWED'],
    ['S-22', 'risk_decision', 'decision', 'deny', 'NOT_ALLOWED'],
    ['S-22', 'risk_decision', 'approved', 'true', 'NOT_A_BOOLEAN'],
    ['S-23', 'state_snapshot', 'state', 'stopped', 'NOT_ALLOWED'],
    ['S-28', 'order_created', 'foo', { a: ['\u0000'] }, 'NOT_STORABLE'],
  ])('%s refuses %s with %s %j: %s', (_row, type, name, value, code) => {
    expect(failureOf(botEventWith(type, { [name]: value }))).toBe(`payload.${name} ${code}`);
  });

  it.each([
    ['S-20', 'order_failed', { error_message: 'e' }],
    ['S-23', 'state_snapshot', { state: 'hard_stop' }],
    ['S-19', 'order_cancelled', { client_order_id: 'c' }],
  ])('%s takes %s with its required keys only', (_row, type, payload) => {
    expect(failureOf(botEvent(type, { payload }))).toBeNull();
  });
});

describe('a bot event in Avro', () => {
  const codec = AvroCodec.offline({ subjects: BOT_RECORDS });
  const throughAvro = (record: BotRecord): BotRecord => {
    const name = BOT_EVENTS.find(({ type }) => type === record.envelope.event_type)?.record ?? '';
    return codec.decode(codec.encode('orders', name, record)).value as BotRecord;
  };

  it('S-28 S-32 keeps unknown keys, digits and the bytes received', () => {
    const text = `{"foo":{"a":[1,2]},"n":1.10,"client_order_id":"c","side":"buy","order_type":"market","amount_base":0.1234567890123456789,"is_live":false}`;
    const { payload: _, ...envelope } = botEvent('order_created');
    const bytes = jsonBytes(`${JSON.stringify(envelope).slice(0, -1)}, "payload": ${text}}`);
    const intake = takeBotJson(bytes);
    if (!intake.ok) throw new Error(intake.rejection.message);
    const back = throughAvro(intake.taken.record);
    expect(Buffer.from(back.raw ?? []).equals(bytes)).toBe(true);
    expect(back.payload_extra).toEqual({ foo: '{"a":[1,2]}', n: '1.10' });
    expect(back.payload).toMatchObject({ amount_base: '0.1234567890123456789', price: null });
    expect(JSON.stringify(botPayload(back))).toContain('"foo":{"a":[1,2]},"n":1.10');
  });

  it.each(Object.keys(BOT_PAYLOADS))('S-41 %s says the same in JSON and in Avro', (type) => {
    const event = botEventWith(type, { note: { b: 1, a: [0.5] } });
    const record = taken(event);
    const again = takeBotRecord({ ...throughAvro(record), raw: null });
    expect(again.ok && botContent(again.taken.record)).toBe(botContent(record));
    const other = botEventWith(type, { note: { b: 2, a: [0.5] } });
    expect(botContent(taken({ ...other, event_id: event['event_id'] }))).not.toBe(
      botContent(record),
    );
  });

  it('S-12 a foreign record without a correlation is backfilled, one with a wrong value is refused', () => {
    const record = taken(botEvent('order_created'));
    const foreign = (payload: object, correlation_id = '') =>
      takeBotRecord({
        ...record,
        envelope: { ...record.envelope, correlation_id },
        payload: { ...record.payload, ...payload },
      });
    expect(foreign({})).toMatchObject({
      taken: {
        backfilled: true,
        record: { envelope: { correlation_id: record.envelope.event_id } },
      },
    });
    expect(foreign({ side: 'long' })).toMatchObject({
      rejection: { field: 'payload.side', code: 'NOT_ALLOWED' },
    });
    expect(foreign({}, 'x')).toMatchObject({ rejection: { field: 'correlation_id' } });
  });

  it('refuses what is no JSON, no object, or too large', () => {
    const codeOf = (bytes: Uint8Array) => {
      const intake = takeBotJson(bytes);
      return intake.ok ? null : intake.rejection.code;
    };
    expect(codeOf(jsonBytes('{'))).toBe('NOT_JSON');
    expect(codeOf(Buffer.from([0xff]))).toBe('NOT_JSON');
    expect(codeOf(jsonBytes('[1]'))).toBe('NOT_AN_OBJECT');
    expect(codeOf(Buffer.alloc(BOT_RULES.limits.eventBytes + 1))).toBe('TOO_LARGE');
    expect(codeOf(jsonBytes(botEventWith('risk_decision', { deep: nested(40) })))).toBe('TOO_DEEP');
  });
});

function nested(depth: number): unknown {
  return depth === 0 ? 1 : { a: nested(depth - 1) };
}
