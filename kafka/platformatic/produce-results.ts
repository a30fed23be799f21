import { KafkaError, type RecordToSend, type SendResult } from '../client.ts';
import { isRefusal, nameOf } from '../error-table.ts';
import type { findTopics } from './cluster.ts';
import { codeOf, errorsWithin, UNKNOWN_TOPIC } from './errors.ts';
import type { ProduceResponse } from './produce-request.ts';

/** Why a record cannot be sent; null: it can. The library would move it to another partition instead. */
export function problemOf(
  found: Awaited<ReturnType<typeof findTopics>>,
  { topic, partition }: RecordToSend,
): KafkaError | null {
  const known = found.get(topic);
  if (known instanceof KafkaError) return known;
  if (known !== undefined && known.partitions[partition] !== undefined) return null;
  return new KafkaError(UNKNOWN_TOPIC, true, `There is no partition ${topic}/${partition}.`);
}

/**
 * Certainly not sent, but refused only by the closed list of J3a: a topic that is not there may be there in a
 * moment, and a refusal stops a task for good.
 */
export function notSent(record: RecordToSend, problem: KafkaError | null): SendResult {
  const { topic, partition } = record;
  const code = problem?.code ?? UNKNOWN_TOPIC;
  return isRefusal(code)
    ? { topic, partition, result: 'refused', code }
    : unknownResult(record, problem);
}

/** What may have been sent or not, and why nobody knows. */
export function unknownResult({ topic, partition }: RecordToSend, cause: unknown): SendResult {
  return { topic, partition, result: 'unknown', code: codeOf(cause), cause };
}

/** One result per topic-partition of the records. */
export function resultsFor(
  records: readonly RecordToSend[],
  resultOf: (record: RecordToSend) => SendResult,
): readonly SendResult[] {
  const first = new Map<string, RecordToSend>();
  for (const record of records)
    if (!first.has(partitionKey(record))) first.set(partitionKey(record), record);
  return [...first.values()].map(resultOf);
}

/** What is not known to be confirmed or refused is unknown (J3a). */
export function resultsOf(error: unknown, records: readonly RecordToSend[]): readonly SendResult[] {
  const answered = new Map<string, SendResult>();
  for (const each of errorsWithin(error)) {
    const { response } = each as { readonly response?: ProduceResponse };
    if (response === undefined) continue;
    for (const result of answeredOf(response, each)) answered.set(partitionKey(result), result);
  }
  return resultsFor(
    records,
    (record) => answered.get(partitionKey(record)) ?? unknownResult(record, error),
  );
}

/** The answer of a broker: it names the result of each partition. */
export function answeredOf({ responses }: ProduceResponse, cause: unknown): readonly SendResult[] {
  return (responses ?? []).flatMap(({ name: topic, partitionResponses }) =>
    (partitionResponses ?? []).map(({ index: partition, errorCode, baseOffset }): SendResult => {
      if (errorCode === 0)
        return { topic, partition, result: 'confirmed', baseOffset: Number(baseOffset) };
      const code = nameOf(errorCode);
      if (isRefusal(code)) return { topic, partition, result: 'refused', code };
      return { topic, partition, result: 'unknown', code, cause };
    }),
  );
}

/** Of a record or of a result: the same. */
export function partitionKey({ topic, partition }: { topic: string; partition: number }): string {
  return `${topic}/${partition}`;
}
