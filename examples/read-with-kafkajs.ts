import { SchemaRegistry } from '@kafkajs/confluent-schema-registry';
import { Kafka, logLevel } from 'kafkajs';

/*
 * Reads events as any user of Kafka can, with nothing of Millrace: kafkajs and the registry's client. Prints a line of JSON for
 * each, from the oldest on, and ends after so many. Run it beside a started system:
 *
 *   node examples/read-with-kafkajs.ts [topic] [count]
 */

const [, , topic = 'intents', count = '10'] = process.argv;
const { KAFKA_BROKERS = '127.0.0.1:19092', TOPIC_PREFIX = '' } = process.env;
const { SCHEMA_REGISTRY_URL = 'http://127.0.0.1:18081/apis/ccompat/v7' } = process.env;

interface Event {
  readonly envelope: { readonly event_type: string; readonly correlation_id: string };
  readonly payload: unknown;
}

const kafka = new Kafka({ brokers: KAFKA_BROKERS.split(','), logLevel: logLevel.ERROR });
const registry = new SchemaRegistry({ host: SCHEMA_REGISTRY_URL });
// A group of its own each time: it leaves the positions of nobody else.
const groupId = `${TOPIC_PREFIX}read-with-kafkajs-${process.pid}`;
const consumer = kafka.consumer({ groupId });
const enough = Promise.withResolvers<void>();
let read = 0;

await consumer.connect();
await consumer.subscribe({ topic: TOPIC_PREFIX + topic, fromBeginning: true });
await consumer.run({
  eachMessage: async ({ message: { value, headers } }) => {
    if (value === null || read >= Number(count)) return;
    const { envelope, payload } = (await registry.decode(value)) as Event;
    const { event_type: type, correlation_id: correlation } = envelope;
    const id = headers?.['event_id']?.toString();
    console.log(JSON.stringify({ type, id, correlation, payload }));
    read += 1;
    if (read >= Number(count)) enough.resolve();
  },
});
await enough.promise;
await consumer.disconnect();
