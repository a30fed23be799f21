import { describe, expect, it } from 'vitest';
import { BOT_TOPIC, readBotRecord } from '../../apps/bot-record.ts';
import { AvroCodec, BOT_RECORDS } from '../../avro/index.ts';
import { botEvent, botEventWith, jsonBytes } from '../support/bot-events.ts';

const codec = AvroCodec.offline({ subjects: BOT_RECORDS });
const absent = { correlation_id: undefined };

function read(event: unknown, topic: string, headers: Readonly<Record<string, string>> = {}) {
  const place = { topic, partition: 0, offset: 0, leaderEpoch: 0, timestampMs: 0, key: null };
  return readBotRecord({ ...place, value: jsonBytes(event), headers }, codec);
}

describe('a JSON record that says it is of a legacy import', () => {
  const legacy = { ingest_source: 'legacy_file' };

  it('S-17 may not leave out the correlation on orders.json, where anybody can say so', () => {
    const { row, reject } = read(botEvent('order_filled', absent), BOT_TOPIC.json, legacy);
    expect(row).toBe(null);
    expect(reject).toMatchObject({
      field: 'correlation_id',
      code: 'REQUIRED',
      ingestSource: 'legacy_file',
      correlationMissing: true,
    });
  });

  it('S-17 names what the import found wrong, rather than the correlation it may leave out', () => {
    const event = { ...botEventWith('order_filled', { liquidity_side: 'x' }), ...absent };
    expect(read(event, BOT_TOPIC.json, legacy).reject).toMatchObject({
      field: 'payload.liquidity_side',
      code: 'NOT_ALLOWED',
    });
  });

  it('S-17 is taken without it when an operator sends its letter back', () => {
    const event = botEvent('order_filled', absent);
    const headers = { ...legacy, 'x-original-topic': BOT_TOPIC.json };
    expect(read(event, BOT_TOPIC.redrive, headers).row).toMatchObject({
      correlationId: event['event_id'],
      status: 'backfilled',
      ingestSource: 'legacy_file',
    });
  });

  it('S-12 S-34 is taken like any other with one', () => {
    const event = botEvent('order_filled');
    expect(read(event, BOT_TOPIC.json, legacy).row).toMatchObject({ status: 'valid' });
  });
});
