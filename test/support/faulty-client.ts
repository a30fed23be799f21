import type {
  FetchPosition,
  KafkaClient,
  PartitionReader,
  PlainProducer,
  RecordToSend,
  SendResult,
} from '../../kafka/client.ts';
import { withReader } from './altered-reader.ts';

type Send = PlainProducer['send'];
type Fetch = (positions: readonly FetchPosition[]) => ReturnType<PartitionReader['fetch']>;

/** What stands between a test's application and its broker; each may be changed while it runs. */
export interface Faults {
  /** Stands in for `send`; call `send` to let the records through. */
  produce?: (records: readonly RecordToSend[], send: Send) => ReturnType<Send>;
  /** Stands in for `fetch`; call `fetch` to ask the broker. */
  fetch?: (positions: readonly FetchPosition[], fetch: Fetch) => ReturnType<Fetch>;
}

/** A client whose producers and readers go through `faults`. */
export function faultyClient(client: KafkaClient, faults: Faults): KafkaClient {
  const wrapped = withReader(client, (reader) => ({
    fetch: (positions, options) => {
      const fetch: Fetch = (asked) => reader.fetch(asked, options);
      return faults.fetch?.(positions, fetch) ?? fetch(positions);
    },
    close: () => reader.close(),
  }));
  return {
    ...wrapped,
    producer: () => {
      const producer = client.producer();
      const send: Send = (records) => producer.send(records);
      return {
        send: (records) => faults.produce?.(records, send) ?? send(records),
        close: () => producer.close(),
      };
    },
  };
}

/** The answer to a request whose fate nobody knows. */
export function unknownResults(records: readonly RecordToSend[]): readonly SendResult[] {
  const partitions = new Map(records.map((each) => [`${each.topic}/${each.partition}`, each]));
  return [...partitions.values()].map(({ topic, partition }) => ({
    topic,
    partition,
    result: 'unknown',
    code: 'TIMEOUT',
    cause: null,
  }));
}
