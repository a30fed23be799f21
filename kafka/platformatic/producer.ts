import { Producer, protocolErrorsCodesById, stringSerializer } from '@platformatic/kafka';
import type { KafkaClientOptions, PlainProducer, RecordToSend, SendResult } from '../client.ts';
import { codeOf, errorsWithin, isRefusal } from './errors.ts';

/** The part of a Produce answer that says what became of each partition. */
interface ProduceResponse {
  readonly responses: readonly {
    readonly name: string;
    readonly partitionResponses: readonly {
      readonly index: number;
      readonly errorCode: number;
      readonly baseOffset: bigint;
    }[];
  }[];
}

/**
 * J3b: no idempotence, acks on the call (in the constructor they are not sent), no retries of any kind.
 */
export function plainProducer(options: KafkaClientOptions): PlainProducer {
  const producer = new Producer<Buffer, Buffer, string, string>({
    clientId: options.clientId,
    bootstrapBrokers: [...options.brokers],
    requestTimeout: options.requestTimeoutMs ?? 10_000,
    timeout: options.requestTimeoutMs ?? 10_000,
    connectTimeout: 3_000,
    maxInflights: 100,
    idempotent: false,
    retries: 0,
    repeatOnStaleMetadata: false,
    autocreateTopics: false,
    serializers: { headerKey: stringSerializer, headerValue: stringSerializer },
  });
  return {
    async send(records) {
      if (records.length === 0) return [];
      try {
        const { offsets } = await producer.send({
          acks: -1,
          idempotent: false,
          repeatOnStaleMetadata: false,
          messages: records.map(toMessage),
        });
        return (offsets ?? []).map(({ topic, partition, offset }) => ({
          topic,
          partition,
          result: 'confirmed',
          baseOffset: Number(offset),
        }));
      } catch (error) {
        // Leaders may have moved, or the broker is another one now: ask again before the next call.
        producer.clearMetadata();
        return resultsOf(error, records);
      }
    },
    close: () => producer.close(),
  };
}

function toMessage({ topic, partition, key, value, headers }: RecordToSend) {
  return {
    topic,
    partition,
    headers: headers as Record<string, string>,
    ...(key === null ? {} : { key: toBuffer(key) }),
    ...(value === null ? {} : { value: toBuffer(value) }),
  };
}

function toBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes)
    ? bytes
    : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** What is not known to be confirmed or refused is unknown (J3a). */
function resultsOf(error: unknown, records: readonly RecordToSend[]): readonly SendResult[] {
  const answered = new Map<string, SendResult>();
  for (const each of errorsWithin(error)) {
    for (const result of confirmedOf(each)) answered.set(partitionKey(result), result);
    for (const result of answeredOf(each)) answered.set(partitionKey(result), result);
  }
  const code = codeOf(error);
  const results = new Map<string, SendResult>();
  for (const { topic, partition } of records) {
    const key = partitionKey({ topic, partition });
    results.set(
      key,
      answered.get(key) ?? { topic, partition, result: 'unknown', code, cause: error },
    );
  }
  return [...results.values()];
}

/** Brokers that answered well while another one failed. */
function confirmedOf(error: Error): readonly SendResult[] {
  const { produced } = error as {
    readonly produced?: {
      readonly offsets?: readonly { topic: string; partition: number; offset: bigint }[];
    };
  };
  return (produced?.offsets ?? []).map(({ topic, partition, offset }) => ({
    topic,
    partition,
    result: 'confirmed',
    baseOffset: Number(offset),
  }));
}

/** The answer of a broker that refused at least one partition: it names the result of each. */
function answeredOf(error: Error): readonly SendResult[] {
  const { response } = error as { readonly response?: ProduceResponse };
  return (response?.responses ?? []).flatMap(({ name: topic, partitionResponses }) =>
    (partitionResponses ?? []).map(({ index: partition, errorCode, baseOffset }): SendResult => {
      if (errorCode === 0)
        return { topic, partition, result: 'confirmed', baseOffset: Number(baseOffset) };
      const code = nameOf(errorCode);
      if (isRefusal(code)) return { topic, partition, result: 'refused', code };
      return { topic, partition, result: 'unknown', code, cause: error };
    }),
  );
}

export function nameOf(errorCode: number): string {
  const names = protocolErrorsCodesById as Readonly<Record<number, string>>;
  return names[errorCode] ?? `ERROR_${errorCode}`;
}

function partitionKey({ topic, partition }: { topic: string; partition: number }): string {
  return `${topic}/${partition}`;
}
