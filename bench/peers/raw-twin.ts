import { answerUntilEnded, bareConsumer, bareProducer, type Output } from './bare-client.ts';

/*
 * The floor: one process that reads `<prefix>twin.intents` and writes three outputs for each record, in batches,
 * acks=all. No state, no journal, no dedupe, no schemas: what the broker and the client cost by themselves.
 * Settings: KAFKA_BROKERS, TWIN_PREFIX, HEALTH_PORT. Its topics exist when it starts.
 */

const brokers = (process.env['KAFKA_BROKERS'] ?? '').split(',');
const prefix = process.env['TWIN_PREFIX'] ?? '';
const OUTPUTS = [
  ['risk', 'risk.approved', '2'],
  ['intents', 'intent.accepted', '3'],
  ['plans', 'plan.created', '4'],
] as const;

const bare = { clientId: 'twin', brokers };
const producer = bareProducer(bare);
const consumer = bareConsumer({ ...bare, groupId: `${prefix}twin` });
const stream = await consumer.consume({
  topics: [`${prefix}intents`],
  mode: 'latest',
  fallbackMode: 'fail',
});

let waiting: Output[] = [];
let sending = false;

async function send(): Promise<void> {
  sending = true;
  while (waiting.length > 0) {
    const messages = waiting;
    waiting = [];
    await producer.send({ acks: -1, messages });
  }
  sending = false;
}

stream.on('data', ({ key, value, partition, headers }) => {
  // Its own intent.accepted comes back on the same topic, as it does in the chain it stands for.
  if (headers.get('event_type') !== 'intent.submitted') return;
  const correlation = headers.get('correlation_id') ?? '';
  let cause = headers.get('event_id') ?? '';
  for (const [name, type, sequence] of OUTPUTS) {
    const id = `${cause}${sequence}`;
    waiting.push({
      topic: prefix + name,
      partition,
      key,
      value,
      headers: {
        event_id: id,
        event_type: type,
        correlation_id: correlation,
        causation_id: cause,
        sequence,
      },
    });
    cause = id;
  }
  if (!sending) setImmediate(() => void send());
});

answerUntilEnded(Number(process.env['HEALTH_PORT']));
