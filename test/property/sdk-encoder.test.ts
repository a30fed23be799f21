import fc from 'fast-check';
import { expect, it } from 'vitest';
import { AvroCodec, BOT_RECORDS } from '../../avro/index.ts';
import { takeBotJson } from '../../processors/bots/index.ts';
import { RULES, type FieldRule } from '../../sdk/typescript/src/contract.ts';
import { EventEncoder } from '../../sdk/typescript/src/event-encoder.ts';
import type { BotEvent } from '../../sdk/typescript/src/index.ts';

/** Text that the rules let through, now and then longer than a length of one byte says, and not of ASCII alone. */
const text = fc
  .string({ unit: 'grapheme', minLength: 1, maxLength: 60 })
  .filter((each) => !each.includes('\0') && each.isWellFormed() && Buffer.byteLength(each) <= 200);

const amount = fc
  .tuple(fc.bigInt({ min: -(10n ** 30n), max: 10n ** 30n }), fc.nat({ max: 10 ** 9 }))
  .map(([whole, part]) => `${whole}.${part}`);

function valueOf({ kind, values = [] }: FieldRule): fc.Arbitrary<unknown> {
  if (kind === 'enum') return fc.constantFrom(...values);
  if (kind === 'decimal') return amount;
  if (kind === 'boolean') return fc.boolean();
  return text;
}

/** Payloads of a type; what is optional is there or not, and keys that no schema knows may be, too. */
function payloadOf(type: string): fc.Arbitrary<Record<string, unknown>> {
  const rules = RULES.events[type]?.payload ?? [];
  const known = Object.fromEntries(rules.map((rule) => [rule.name, valueOf(rule)]));
  const requiredKeys = rules
    .filter(({ required, requiredWhen }) => required || requiredWhen !== undefined)
    .map(({ name }) => name);
  const extra = fc.dictionary(
    text.map((name) => `x ${name}`),
    fc.oneof(text, fc.boolean(), fc.integer(), fc.constant(null), fc.array(text)),
    { maxKeys: 3 },
  );
  return fc
    .tuple(fc.record(known, { requiredKeys }), extra)
    .map(([own, more]) => ({ ...own, ...more }));
}

const uuid = fc.uuid({ version: 4 });
const event = fc
  .record({
    event_id: uuid,
    event_version: fc.constant('v1'),
    ts_utc: fc
      .date({
        noInvalidDate: true,
        min: new Date('1900-01-02T00:00:00Z'),
        max: new Date('2099-12-31T00:00:00Z'),
      })
      .map((date) => date.toISOString()),
    producer: text,
    instance_name: text,
    controller_id: text,
    connector_name: text,
    trading_pair: text,
    correlation_id: uuid.map((id) => id.toUpperCase()),
    causation_id: fc.option(uuid, { nil: undefined }),
    typed: fc
      .constantFrom(...Object.keys(RULES.events))
      .chain((event_type) => payloadOf(event_type).map((payload) => ({ event_type, payload }))),
  })
  .map(({ typed, ...envelope }) => ({ ...envelope, ...typed }) as BotEvent);

it('S-43 S-44 the SDK’s own encoder writes the bytes that the schemas say', () => {
  const codec = AvroCodec.offline({ subjects: BOT_RECORDS });
  const recordOf = (type: string): string => RULES.events[type]?.record ?? '';
  const encoder = new EventEncoder((type) => codec.idOf('orders', recordOf(type)));
  fc.assert(
    fc.property(event, (each) => {
      const taken = takeBotJson(Buffer.from(JSON.stringify(each)));
      if (!taken.ok) throw new Error(taken.rejection.message);
      const value = { ...taken.taken.record, raw: null };
      const wanted = codec.encode('orders', recordOf(each.event_type), value);
      expect(encoder.encode(each, undefined).toString('hex')).toBe(
        Buffer.from(wanted).toString('hex'),
      );
    }),
  );
});
