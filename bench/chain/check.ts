import type { KafkaClient } from '../../kafka/client.ts';
import { readRange } from '../../kafka/read-range.ts';
import { VoidRunError } from '../latency/audit.ts';
import { endsOf } from '../latency/topic-tail.ts';
import { CHAIN_TOPICS, inputOf, LAST_TOPIC } from './work.ts';

const READ_LIMIT_MS = 120_000;

/**
 * Reads all topics of a system and checks that every input has each of its outputs, once, and that the outputs of a
 * key stand in the order of its inputs. What its figures say counts only then.
 *
 * Resolves with when the broker appended each last output: ms of its clock, in the order of time.
 *
 * Throws: VoidRunError that names the first fault and how many there are.
 */
export async function checkChain(
  kafka: KafkaClient,
  prefix: string,
  made: number,
): Promise<readonly number[]> {
  const signal = AbortSignal.timeout(READ_LIMIT_MS);
  const reader = kafka.reader();
  const faults: string[] = [];
  const appendedAt: number[] = [];
  try {
    for (const name of CHAIN_TOPICS) {
      const topic = prefix + name;
      const seen = new Uint8Array(made);
      const lastOfKey = new Map<string, number>();
      for (const { partition, offset: until } of await endsOf(kafka, [topic]))
        await readRange({ reader, topic, partition, from: 0, until, signal }, (record) => {
          const input = inputOf(record.headers);
          if (name === LAST_TOPIC) appendedAt.push(record.timestampMs);
          const key = Buffer.from(record.key ?? []).toString();
          if (!(input < made)) return void faults.push(`${name} has an output of nothing`);
          seen[input] = (seen[input] ?? 0) + 1;
          if ((lastOfKey.get(key) ?? -1) >= input && seen[input] === 1)
            faults.push(`${name}: input ${input} of ${key} stands after a later one`);
          lastOfKey.set(key, input);
        });
      for (const [input, times] of seen.entries())
        if (times !== 1) faults.push(`${name} has input ${input} ${times} times`);
    }
  } finally {
    await reader.close();
  }
  if (faults.length > 0)
    throw new VoidRunError(`${prefix} ${faults[0]} (${faults.length} such): the run is void.`);
  return appendedAt.sort((left, right) => left - right);
}
