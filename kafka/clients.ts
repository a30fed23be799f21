import type { KafkaClient, KafkaClientOptions } from './client.ts';
import { kafkajsClient } from './kafkajs.ts';
import { platformaticClient } from './platformatic.ts';

const CLIENTS = {
  platformatic: platformaticClient,
  kafkajs: kafkajsClient,
} as const;

/** A library that an adapter of the port stands on; KAFKA_CLIENT names one. */
export type KafkaClientName = keyof typeof CLIENTS;

export const KAFKA_CLIENTS: readonly [KafkaClientName, ...KafkaClientName[]] = [
  'platformatic',
  'kafkajs',
];

/** The client port on the library named. The one place where a library is chosen. */
export function kafkaClient(name: KafkaClientName, options: KafkaClientOptions): KafkaClient {
  return CLIENTS[name](options);
}
