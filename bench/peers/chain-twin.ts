import { answerUntilEnded, bareConsumer, bareProducer, type Output } from './bare-client.ts';

/*
 * The floor of the chain: one process on the bare client that reads `<prefix>chain.submitted` and writes the three
 * outputs of each record, in batches of what has gathered, acks=all. No state, no journal, no dedupe, no decoding.
 * Settings: KAFKA_BROKERS, TOPIC_PREFIX. Its topics exist when it starts.
 */

const brokers = (process.env['KAFKA_BROKERS'] ?? '').split(',');
const prefix = process.env['TOPIC_PREFIX'] ?? '';
const OUTPUTS = ['checked', 'accepted', 'planned'] as const;
/** Outputs that may wait; past it the source is paused. */
const MOST_WAITING = 30_000;
/** Outputs of one request. */
const BATCH = 6_000;

const bare = { clientId: 'chain-twin', brokers };
const producer = bareProducer(bare);
const consumer = bareConsumer({ ...bare, groupId: `${prefix}chain-twin` });
const stream = await consumer.consume({
  topics: [`${prefix}chain.submitted`],
  mode: 'earliest',
  fallbackMode: 'fail',
});

let waiting: Output[] = [];
let sending = false;

async function send(): Promise<void> {
  sending = true;
  while (waiting.length > 0) {
    const messages = waiting.slice(0, BATCH);
    waiting = waiting.slice(BATCH);
    if (stream.isPaused() && waiting.length < MOST_WAITING / 2) stream.resume();
    await producer.send({ acks: -1, messages });
  }
  sending = false;
}

stream.on('data', ({ key, value, partition, headers }) => {
  let cause = headers.get('event_id') ?? '';
  let sequence = Number(headers.get('sequence'));
  for (const name of OUTPUTS) {
    sequence += 1;
    const id = `${cause}.${name[0]}`;
    waiting.push({
      topic: `${prefix}chain.${name}`,
      partition,
      key,
      value,
      headers: {
        event_id: id,
        event_type: `chain.${name}`,
        correlation_id: headers.get('correlation_id') ?? '',
        causation_id: cause,
        sequence: String(sequence),
        traceparent: headers.get('traceparent') ?? '',
      },
    });
    cause = id;
  }
  if (waiting.length >= MOST_WAITING) stream.pause();
  if (!sending) setImmediate(() => void send());
});

answerUntilEnded();
