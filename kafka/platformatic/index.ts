import type { KafkaClient, KafkaClientOptions } from '../client.ts';
import { kafkaAdmin } from './admin.ts';
import { Membership } from './group.ts';
import { plainProducer } from './producer.ts';
import { partitionReader } from './reader.ts';

/**
 * The Kafka client port on @platformatic/kafka. Every producer, reader and member has connections of its own.
 *
 * Source: docs/adr/004-kafka-client.md.
 */
export function platformaticClient(options: KafkaClientOptions): KafkaClient {
  return {
    producer: () => plainProducer(options),
    reader: () => partitionReader(options),
    joinGroup: (group) => new Membership(options, group),
    admin: () => kafkaAdmin(options),
  };
}
