import type { KafkaClient, KafkaClientOptions } from '../../kafka/client.ts';
import { KAFKA_CLIENTS, kafkaClient } from '../../kafka/clients.ts';

/** The adapter of that name, by default the one that KAFKA_CLIENT names, for workers and tests that are run once with each. */
export function clientUnderTest(
  options: KafkaClientOptions,
  named: string = process.env['KAFKA_CLIENT'] ?? 'platformatic',
): KafkaClient {
  const name = KAFKA_CLIENTS.find((each) => each === named);
  if (name === undefined)
    throw new Error(`KAFKA_CLIENT is ${named}; it may be ${KAFKA_CLIENTS.join(' or ')}.`);
  return kafkaClient(name, options);
}
