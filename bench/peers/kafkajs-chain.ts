import { type EachBatchPayload, Kafka, type Message } from 'kafkajs';

/*
 * The chain as a pipeline on kafkajs is usually written: eachBatch, a count in memory, one sendBatch for what a batch gives,
 * and then the offsets are committed: at least once, and the state is gone with the process.
 * Settings: KAFKA_BROKERS, TOPIC_PREFIX, WORK (chain, count), VARIANT (fused, split: a group of its own for each step).
 */

const brokers = (process.env['KAFKA_BROKERS'] ?? '').split(',');
const prefix = process.env['TOPIC_PREFIX'] ?? '';
const steps = process.env['WORK'] === 'count' ? ['counted'] : ['checked', 'accepted', 'planned'];
const isSplit = process.env['VARIANT'] === 'split';

const kafka = new Kafka({ clientId: 'chain', brokers, logLevel: 1 });
const producer = kafka.producer({ retry: { retries: 5 } });
await producer.connect();

const counts = new Map<string, number>();

/** What a step makes of a message. */
function passOn(step: string, message: Message & { readonly partition: number }) {
  const name = `${step}/${String(message.key)}`;
  const count = (counts.get(name) ?? 0) + 1;
  counts.set(name, count);
  const { headers = {} } = message;
  const cause = String(headers['event_id']);
  return {
    ...{ key: message.key, value: message.value, partition: message.partition },
    headers: {
      event_id: `${cause}.${step[0]}`,
      event_type: `chain.${step}`,
      correlation_id: headers['correlation_id'],
      causation_id: cause,
      sequence: String(Number(headers['sequence']) + 1),
      traceparent: headers['traceparent'],
      ...(step === 'counted' ? { count: String(count) } : {}),
    },
  };
}

async function handle(run: readonly string[], payload: EachBatchPayload): Promise<void> {
  const { batch, resolveOffset, heartbeat, commitOffsetsIfNecessary } = payload;
  const outputs = new Map<string, Message[]>(run.map((step) => [step, []]));
  for (const message of batch.messages) {
    let last: Message & { readonly partition: number } = { ...message, partition: batch.partition };
    for (const step of run) {
      last = passOn(step, last) as typeof last;
      outputs.get(step)?.push(last);
    }
  }
  const topicMessages = run.map((step) => ({
    topic: `${prefix}chain.${step}`,
    messages: outputs.get(step) ?? [],
  }));
  await producer.sendBatch({ acks: -1, topicMessages });
  resolveOffset(batch.lastOffset());
  await heartbeat();
  await commitOffsetsIfNecessary();
}

const groups = isSplit ? steps.map((step) => [step]) : [steps];
const sources = isSplit ? ['submitted', ...steps] : ['submitted'];
const consumers = await Promise.all(
  groups.map(async (run, index) => {
    const consumer = kafka.consumer({
      groupId: `${prefix}kafkajs.${run.join('-')}`,
      sessionTimeout: 6_000,
      heartbeatInterval: 2_000,
      maxWaitTimeInMs: 100,
    });
    await consumer.connect();
    await consumer.subscribe({ topic: `${prefix}chain.${sources[index]}`, fromBeginning: true });
    await consumer.run({
      autoCommit: true,
      autoCommitInterval: 1_000,
      eachBatchAutoResolve: false,
      partitionsConsumedConcurrently: 4,
      eachBatch: (payload) => handle(run, payload),
    });
    return consumer;
  }),
);

process.once('SIGTERM', () => {
  const closed = Promise.all(consumers.map((consumer) => consumer.disconnect()));
  void closed.then(() => producer.disconnect()).then(() => process.exit(0));
});
