import type { FetchedPartition, KafkaClient } from '../../kafka/client.ts';

/** A client whose readers give what `alter` makes of each answer. */
export function withAlteredReader(
  client: KafkaClient,
  alter: (answer: FetchedPartition) => FetchedPartition,
): KafkaClient {
  return {
    producer: () => client.producer(),
    admin: () => client.admin(),
    joinGroup: (options) => client.joinGroup(options),
    reader: () => {
      const reader = client.reader();
      return {
        close: () => reader.close(),
        fetch: async (...args) => (await reader.fetch(...args)).map(alter),
      };
    },
  };
}
