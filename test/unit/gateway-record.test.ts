import { expect, it } from 'vitest';
import assets from '../../config/assets.json' with { type: 'json' };
import { AvroCodec, CATALOGUE_RECORDS, toWire } from '../../avro/index.ts';
import type { EventRecord } from '../../engine/event.ts';
import { createBatchingPublisher, intentRules } from '../../gateway/index.ts';
import type { PlainProducer, RecordToSend } from '../../kafka/client.ts';
import { parseAssets } from '../../processors/trading/index.ts';
import { post, SOUND, testGateway } from './gateway-fixture.ts';

it('B-01 B-24 puts an intent on the log as the registered schema has it, one record each', async () => {
  const records: RecordToSend[] = [];
  const producer: PlainProducer = {
    send: async (given) => {
      records.push(...given);
      return given.map(({ topic, partition }) => ({
        topic,
        partition,
        result: 'confirmed',
        baseOffset: 0,
      }));
    },
    close: async () => undefined,
  };
  const codec = AvroCodec.offline({ subjects: CATALOGUE_RECORDS });
  const { call } = testGateway({
    rules: intentRules({ assets: parseAssets(assets), maxNotionalUsd: '10000' }),
    publisher: createBatchingPublisher({
      producer,
      codec,
      topicPrefix: 'dev.',
      partitions: 4,
      partitionOf: () => 3,
    }),
    nowMs: () => 1_700_000_000_123,
  });
  const response = await call(post({ ...SOUND, metadata: { desk: { id: 7 } } }));
  const { intent_id: intentId } = response.json<{ intent_id: string }>();

  expect(records).toHaveLength(1);
  const [{ topic, partition, key, value, headers } = {} as RecordToSend] = records;
  expect([topic, partition]).toEqual(['dev.intents', 3]);
  expect(Buffer.from(key ?? []).toString()).toBe(`intent-${intentId}`);
  const decoded = codec.decode(value ?? new Uint8Array());
  expect(decoded.record).toBe('millrace.trading.v1.IntentSubmitted');
  expect(toWire(decoded.value as EventRecord)).toEqual({
    eventId: headers['event_id'],
    timestamp: '2023-11-14T22:13:20.123000Z',
    topic: 'intent.submitted',
    correlationId: `intent-${intentId}`,
    causationId: null,
    payload: { intentId, ...SOUND, priority: 3, metadata: { desk: { id: 7 } } },
    version: 1,
    sequence: 1,
  });
  expect(headers).toMatchObject({
    event_type: 'intent.submitted',
    family: 'TRADING',
    sequence: '1',
  });
});
