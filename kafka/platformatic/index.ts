import { restoreChecks } from './late-checks.ts';
import type { KafkaClient, KafkaClientOptions } from '../client.ts';
import { PlatformaticAdmin } from './admin.ts';
import { PlatformaticMembership } from './group.ts';
import { PlatformaticProducer } from './producer.ts';
import { PlatformaticReader } from './reader.ts';

restoreChecks();

/**
 * The Kafka client port on @platformatic/kafka. Every producer, reader and member has connections of its own.
 *
 * Source: docs/adr/004-kafka-client.md.
 */
export function platformaticClient(options: KafkaClientOptions): KafkaClient {
  return {
    sharesRequests: true,
    producer: () => new PlatformaticProducer(options),
    reader: () => new PlatformaticReader(options),
    joinGroup: (group) => new PlatformaticMembership(options, group),
    admin: () => new PlatformaticAdmin(options),
  };
}
