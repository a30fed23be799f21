import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import {
  AvroCodec,
  CATALOGUE_RECORDS,
  envelope,
  eventDefinition,
  eventHeaders,
} from '../../avro/index.ts';
import { otherReader } from '../../cli/schema/other-reader.ts';
import { platformaticClient } from '../../kafka/platformatic.ts';

const { KAFKA_BROKERS = '', SCHEMA_REGISTRY_URL: registryUrl = '' } = process.env;
const prefix = `others-${crypto.randomUUID().slice(0, 8)}.`;
const payload = {
  intentId: 'i',
  strategyId: 's',
  base: 'WETH',
  quote: 'USDC',
  amount_in: '1.000000000000000001',
  notional_usd: '1',
  max_slippage: '0',
  priority: 5,
  metadata: { desk: 'north' },
};

describe('a consumer that has nothing of Millrace', () => {
  it('K-02 K-07 reads the events on a topic with kafkajs and the client of the registry', async () => {
    const codec = await AvroCodec.start({
      registryUrl,
      topicPrefix: prefix,
      subjects: CATALOGUE_RECORDS,
    });
    const kafka = platformaticClient({ brokers: KAFKA_BROKERS.split(','), clientId: 'others' });
    const [admin, producer] = [kafka.admin(), kafka.producer()];
    const topic = `${prefix}intents`;
    await admin.createTopic({ name: topic, partitions: 1, replicationFactor: 1, configs: {} });
    const { record } = eventDefinition('intent.submitted');
    const events = ['intent-1', 'intent-2'].map((correlationId) =>
      envelope('intent.submitted', payload, { correlationId, sequence: 1 }),
    );
    const values = events.map((event) => codec.encode('intents', record, event));
    await producer.send(
      events.map((event, at) => ({
        topic,
        partition: 0,
        key: Buffer.from(event.envelope.correlation_id),
        value: values[at] ?? null,
        headers: eventHeaders(event.envelope),
      })),
    );
    const read = await otherReader(registryUrl);
    const decoded = await read(values[0] ?? new Uint8Array());
    expect(decoded).toMatchObject(codec.decode(values[0] ?? new Uint8Array()).value as object);
    const { stdout } = await promisify(execFile)(
      process.execPath,
      ['examples/read-with-kafkajs.ts', 'intents', '2'],
      { env: { ...process.env, TOPIC_PREFIX: prefix }, timeout: 50_000 },
    );
    const lines = stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as object);
    expect(lines).toMatchObject(
      events.map(({ envelope: { event_id, event_type, correlation_id } }) => ({
        type: event_type,
        id: event_id,
        correlation: correlation_id,
        payload: { amount_in: payload.amount_in },
      })),
    );
    await Promise.all([admin.close(), producer.close()]);
  }, 60_000);
});
