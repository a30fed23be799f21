import type { KafkaClient, KafkaClientOptions } from './client.ts';

/** The client port on one library. */
export type OpenKafkaClient = (options: KafkaClientOptions) => KafkaClient;

/** What each library takes to load is spared where another is used: it is a good part of what a process takes to start. */
const ADAPTERS = {
  platformatic: async (): Promise<OpenKafkaClient> =>
    (await import('./platformatic.ts')).platformaticClient,
  kafkajs: async (): Promise<OpenKafkaClient> => (await import('./kafkajs.ts')).kafkajsClient,
} as const;

/** A library that an adapter of the port stands on; KAFKA_CLIENT names one. */
export type KafkaClientName = keyof typeof ADAPTERS;

export const KAFKA_CLIENTS: readonly [KafkaClientName, ...KafkaClientName[]] = [
  'platformatic',
  'kafkajs',
];

/** Loads the library named. Where a process chooses its library. */
export function loadKafkaClient(name: KafkaClientName): Promise<OpenKafkaClient> {
  return ADAPTERS[name]();
}
