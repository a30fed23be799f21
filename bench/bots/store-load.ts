import { randomUUID } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { type AvroCodec, eventDefinition, eventHeaders } from '../../avro/index.ts';
import type { KafkaClient, PlainProducer, RecordToSend } from '../../kafka/client.ts';
import { partitionOf } from '../../kafka/partitioner.ts';
import { BOT_TOPIC } from '../../apps/bot-record.ts';
import type { BotRecord } from '../../processors/bots/index.ts';
import { VoidRunError } from '../latency/audit.ts';
import { payloadOf } from './load.ts';

/** Records of one request at most. */
const MAX_REQUEST = 1_000;
/** What falls due within this time goes in one request, as a producer that lingers does; lag counts from when it was due. */
const LINGER_MS = 10;

/** Fills of a bot as an SDK sends them: Avro on `orders`, each numbered. */
export class StoreLoad {
  readonly #producer: PlainProducer;
  readonly #codec: AvroCodec;
  readonly #topic: string;
  readonly #sequences: number[];
  #sent = 0;

  constructor(options: {
    readonly client: KafkaClient;
    readonly codec: AvroCodec;
    readonly prefix: string;
    readonly partitions: number;
  }) {
    this.#producer = options.client.producer();
    this.#codec = options.codec;
    this.#topic = options.prefix + BOT_TOPIC.avro;
    this.#sequences = Array.from({ length: options.partitions }, () => 0);
  }

  /** Sends events at a fixed rate, each when it is due, however the ones before fare; their ts_utc is when they were due. */
  async open(rate: number, count: number): Promise<void> {
    const startedAt = performance.now();
    const startMicros = Math.round((performance.timeOrigin + startedAt) * 1000);
    for (let made = 0; made < count;) {
      const due = Math.min(count, Math.floor(((performance.now() - startedAt) * rate) / 1000));
      const until = Math.min(due, made + MAX_REQUEST);
      const records: RecordToSend[] = [];
      for (; made < until; made++)
        records.push(this.#record(startMicros + Math.round((made * 1e6) / rate)));
      if (records.length > 0) await this.#send(records);
      if (until === due) await pause(LINGER_MS);
    }
  }

  /** Sends events as fast as they are taken. */
  async flat(count: number): Promise<void> {
    for (let made = 0; made < count; made += MAX_REQUEST) {
      const now = Date.now() * 1000;
      const size = Math.min(MAX_REQUEST, count - made);
      await this.#send(Array.from({ length: size }, () => this.#record(now)));
    }
  }

  close(): Promise<void> {
    return this.#producer.close();
  }

  async #send(records: readonly RecordToSend[]): Promise<void> {
    const results = await this.#producer.send(records);
    const failed = results.find(({ result }) => result !== 'confirmed');
    if (failed) throw new VoidRunError(`${failed.topic}/${failed.partition} took not all records.`);
  }

  #record(occurred_at: number): RecordToSend {
    const event_id = randomUUID();
    const record = eventOf(event_id, occurred_at, ++this.#sent);
    const { record: name } = eventDefinition(record.envelope.event_type);
    const key = Buffer.from(event_id);
    const partition = partitionOf(key, this.#sequences.length);
    const sequence = (this.#sequences[partition] ?? 0) + 1;
    this.#sequences[partition] = sequence;
    return {
      topic: this.#topic,
      partition,
      key,
      value: this.#codec.encode(BOT_TOPIC.avro, name, record),
      headers: eventHeaders(record.envelope, {
        producer_id: 'bench/1',
        producer_sequence: String(sequence),
      }),
    };
  }
}

function eventOf(event_id: string, occurred_at: number, index: number): BotRecord {
  return {
    envelope: {
      event_id,
      family: 'BOT',
      event_type: 'order_filled',
      event_version: 1,
      occurred_at,
      correlation_id: event_id,
      causation_id: null,
      sequence: null,
      producer: 'bench',
      bot: {
        instance_name: `bench-${index % 10}`,
        controller_id: 'market_maker_v1',
        connector_name: 'bitget_paper_trade',
        trading_pair: 'BTC-USDT',
      },
      priority: 'normal',
      trace_id: null,
    },
    payload: payloadOf(index),
    payload_extra: {},
    raw: null,
  };
}
