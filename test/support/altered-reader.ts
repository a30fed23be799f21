import type { FetchedPartition, KafkaClient, PartitionReader } from '../../kafka/client.ts';

/** A client whose readers are what `wrap` makes of its own. */
export function withReader(
  client: KafkaClient,
  wrap: (reader: PartitionReader) => PartitionReader,
): KafkaClient {
  return {
    producer: () => client.producer(),
    admin: () => client.admin(),
    joinGroup: (options) => client.joinGroup(options),
    reader: () => wrap(client.reader()),
  };
}

/** A client whose readers give what `alter` makes of each answer. */
export function withAlteredReader(
  client: KafkaClient,
  alter: (answer: FetchedPartition) => FetchedPartition,
): KafkaClient {
  return withReader(client, (reader) => ({
    close: () => reader.close(),
    fetch: async (...args) => (await reader.fetch(...args)).map(alter),
  }));
}
