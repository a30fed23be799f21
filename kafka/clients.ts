import type { KafkaClient, KafkaClientOptions } from './client.ts';
import type { KafkaClientName, OpenKafkaClient } from './client-library.ts';
import { kafkajsClient } from './kafkajs.ts';
import { platformaticClient } from './platformatic.ts';

export { KAFKA_CLIENTS, type KafkaClientName } from './client-library.ts';

const CLIENTS: Readonly<Record<KafkaClientName, OpenKafkaClient>> = {
  platformatic: platformaticClient,
  kafkajs: kafkajsClient,
};

/** The client port on the library named, both of them loaded; `loadKafkaClient` loads the one. */
export function kafkaClient(name: KafkaClientName, options: KafkaClientOptions): KafkaClient {
  return CLIENTS[name](options);
}
