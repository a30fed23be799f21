import { randomUUID } from 'node:crypto';
import { Consumer, stringDeserializers } from '@platformatic/kafka';
import type { FetchedRecord, KafkaClient } from '../../kafka/client.ts';
import { VoidRunError } from '../latency/audit.ts';
import type { ReadTopic } from './check.ts';

/** Kafka's isolation levels: with and without what transactions have not committed. */
const LEVELS = { read_uncommitted: 0, read_committed: 1 } as const;
const READ_LIMIT_MS = 120_000;
const MAX_WAIT_MS = 100;
/** Header of the records that say where a topic ended when it was to be read. */
const END_HEADER = 'bench-end';

/**
 * Reads topics whole as their users would. A mark is put at the end of each partition first, and reading ends there: so it
 * ends whatever holes transactions leave, and nothing that came before is missed. Whoever else reads the topic has ended.
 *
 * Throws: VoidRunError when the mark is not reached within two minutes, as behind a transaction that nobody ends.
 */
export function topicReader(
  kafka: KafkaClient,
  brokers: readonly string[],
  isolation: keyof typeof LEVELS = 'read_committed',
): ReadTopic {
  return async (topic, take) => {
    const mark = randomUUID();
    const unread = await markEnds(kafka, topic, mark);
    const { headerKey, headerValue } = stringDeserializers;
    const consumer = new Consumer<Buffer, Buffer, string, string>({
      clientId: 'bench',
      groupId: mark,
      bootstrapBrokers: [...brokers],
      autocommit: false,
      deserializers: { headerKey, headerValue },
    });
    const deadline = setTimeout(() => void stream.close(), READ_LIMIT_MS);
    const stream = await consumer.consume({
      topics: [topic],
      mode: 'earliest',
      fallbackMode: 'fail',
      isolationLevel: LEVELS[isolation],
      maxWaitTime: MAX_WAIT_MS,
    });
    try {
      for await (const message of stream) {
        const headers = Object.fromEntries(message.headers);
        if (headers[END_HEADER] === mark) unread.delete(message.partition);
        else if (headers[END_HEADER] === undefined) take(recordOf(message, headers));
        if (unread.size === 0) break;
      }
    } finally {
      clearTimeout(deadline);
      await stream.close();
      await consumer.close(true);
    }
    if (unread.size > 0)
      throw new VoidRunError(
        `${topic} could not be read to its end (${isolation}): the run is void.`,
      );
  };
}

async function markEnds(kafka: KafkaClient, topic: string, mark: string): Promise<Set<number>> {
  const [admin, producer] = [kafka.admin(), kafka.producer()];
  try {
    const partitions = (await admin.offsets(topic)).map((_, partition) => partition);
    const results = await producer.send(
      partitions.map((partition) => ({
        ...{ topic, partition, key: null, value: null },
        headers: { [END_HEADER]: mark },
      })),
    );
    if (results.some(({ result }) => result !== 'confirmed'))
      throw new VoidRunError(`The end of ${topic} could not be marked: the run is void.`);
    return new Set(partitions);
  } finally {
    await Promise.all([admin.close(), producer.close()]);
  }
}

interface Consumed {
  readonly topic: string;
  readonly partition: number;
  readonly offset: bigint;
  readonly timestamp: bigint;
  readonly key: Buffer;
  readonly value: Buffer;
}

function recordOf(message: Consumed, headers: Readonly<Record<string, string>>): FetchedRecord {
  const { topic, partition, key, value } = message;
  return {
    ...{ topic, partition, key, value, headers },
    offset: Number(message.offset),
    leaderEpoch: -1,
    timestampMs: Number(message.timestamp),
  };
}
