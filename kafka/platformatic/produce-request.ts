import {
  type Admin,
  type Broker,
  type Connection,
  kGetApi,
  produceV10,
  produceV11,
  produceV3,
  produceV4,
  produceV5,
  produceV6,
  produceV7,
  produceV8,
  produceV9,
  Writer,
} from '@platformatic/kafka';
import { KafkaError, type RecordToSend } from '../client.ts';
import { encodeRecordBatch } from './record-batch.ts';

/** The part of a Produce answer that says what became of each partition. */
export interface ProduceResponse {
  readonly responses: readonly {
    readonly name: string;
    readonly partitionResponses: readonly {
      readonly index: number;
      readonly errorCode: number;
      readonly baseOffset: bigint;
    }[];
  }[];
}

type Parse = Parameters<Connection['send']>[3];

/** What reads the answers, by version; all versions of today's brokers are among them. */
const PARSERS: ReadonlyMap<number, Parse> = new Map(
  [
    produceV3,
    produceV4,
    produceV5,
    produceV6,
    produceV7,
    produceV8,
    produceV9,
    produceV10,
    produceV11,
  ].map(({ api, parseResponse }) => [api.version, parseResponse as Parse]),
);
/** From here on lengths are compact, and headers have tags. */
const FIRST_FLEXIBLE_VERSION = 9;
const PRODUCE = 0;
const ACKS_ALL = -1;

export interface ProduceOptions {
  readonly leader: Broker | undefined;
  /** All of that leader's partitions. One record batch for each, in the order of the records. */
  readonly records: readonly RecordToSend[];
  /** How long the broker may wait for its replicas. */
  readonly timeoutMs: number;
}

/**
 * Sends one Produce request, once.
 *
 * Throws: the library's errors; a ResponseError carries the answer in which the broker refused a partition.
 */
export async function produce(cluster: Admin, options: ProduceOptions): Promise<ProduceResponse> {
  return new Promise((resolve, reject) => {
    const { leader } = options;
    if (leader === undefined)
      return reject(new KafkaError('LEADER_NOT_AVAILABLE', true, 'A partition has no leader now.'));
    // Callbacks, since a promise between two steps would let a later call pass (J3b).
    cluster.connections.get(leader, (lost, connection) => {
      if (lost || connection === undefined) return reject(lost);
      cluster[kGetApi]('Produce', (unusable, api) => {
        const parse = PARSERS.get(api?.version ?? -1);
        if (unusable || api === undefined || parse === undefined)
          return reject(unusable ?? new KafkaError('UNSUPPORTED_VERSION', false, UNSUPPORTED));
        const flexible = api.version >= FIRST_FLEXIBLE_VERSION;
        connection.send(
          PRODUCE,
          api.version,
          () => requestOf(options, flexible),
          parse,
          flexible,
          flexible,
          (error, response) => (error ? reject(error) : resolve(response as ProduceResponse)),
        );
      });
    });
  });
}

const UNSUPPORTED =
  'The broker speaks no version of Produce from 3 to 11; use Kafka 1.0 or later, or Redpanda.';

/** Source: Kafka's protocol guide, Produce Request. */
function requestOf({ records, timeoutMs }: ProduceOptions, flexible: boolean): Writer {
  const now = Date.now();
  const topics = [...Map.groupBy(records, ({ topic }) => topic)];
  const writer = Writer.create()
    .appendString(null, flexible)
    .appendInt16(ACKS_ALL)
    .appendInt32(timeoutMs)
    .appendArray(
      topics,
      (toTopic, [topic, own]) => {
        const partitions = [...Map.groupBy(own, ({ partition }) => partition)];
        toTopic.appendString(topic, flexible).appendArray(
          partitions,
          (toPartition, [partition, batch]) => {
            const bytes = encodeRecordBatch(batch, now);
            toPartition.appendInt32(partition).appendBytes(bytes, flexible);
          },
          flexible,
          flexible,
        );
      },
      flexible,
      flexible,
    );
  return flexible ? writer.appendTaggedFields() : writer;
}
