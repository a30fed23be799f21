import type { KafkaClient, KafkaClientOptions } from '../client.ts';
import { KafkajsAdmin } from './admin.ts';
import { KafkajsMembership } from './group.ts';
import { KafkajsProducer } from './producer.ts';
import { KafkajsReader } from './reader.ts';

/** The port by kafkajs. What it loses against the default adapter stands in kafka/README.md. */
export function kafkajsClient(options: KafkaClientOptions): KafkaClient {
  return {
    producer: () => new KafkajsProducer(options),
    reader: () => new KafkajsReader(options),
    joinGroup: (group) => new KafkajsMembership(options, group),
    admin: () => new KafkajsAdmin(options),
  };
}
