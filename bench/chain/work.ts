import type { AvroCodec } from '../../avro/index.ts';
import { HEADER } from '../../engine/event.ts';
import type { RecordToSend } from '../../kafka/client.ts';
import { partitionOf } from '../../kafka/partitioner.ts';

/** The chain's topics, in its order; the first is the way in. Each system has them under a prefix of its own. */
export const CHAIN_TOPICS = [
  'chain.submitted',
  'chain.checked',
  'chain.accepted',
  'chain.planned',
] as const;
export const INPUT_TOPIC = CHAIN_TOPICS[0];
export const LAST_TOPIC = CHAIN_TOPICS[3];
export const PARTITIONS = 4;
const TRACE_HEX = 32;

/** What the inputs look like. */
export interface Shape {
  /** Of the Avro value, envelope included. */
  readonly valueBytes: number;
  readonly keys: number;
  /** Every second input has the same key. */
  readonly hot?: boolean;
}

/**
 * Makes the inputs of one system. Each is named by its place, which every output of it carries on as the trace id in the
 * header `traceparent`: so a reader knows what belongs together without decoding, whoever wrote it.
 */
export class InputMaker {
  readonly #codec: AvroCodec;
  readonly #shape: Shape;
  readonly #topic: string;
  readonly #note: string;
  #next = 0;

  constructor(codec: AvroCodec, shape: Shape, prefix: string) {
    this.#codec = codec;
    this.#shape = shape;
    this.#topic = prefix + INPUT_TOPIC;
    const empty = this.#encode(0, '').byteLength;
    this.#note = 'x'.repeat(Math.max(0, shape.valueBytes - empty));
  }

  /** How many were made: the name of the next one. */
  get made(): number {
    return this.#next;
  }

  next(): RecordToSend {
    const index = this.#next++;
    const key = Buffer.from(this.#keyOf(index));
    return {
      topic: this.#topic,
      partition: partitionOf(key, PARTITIONS),
      key,
      value: this.#encode(index, this.#note),
      headers: {
        [HEADER.eventId]: uuidOf(index),
        [HEADER.eventType]: 'chain.submitted',
        [HEADER.family]: 'SYSTEM',
        [HEADER.correlationId]: key.toString(),
        [HEADER.sequence]: '1',
        [HEADER.priority]: 'normal',
        [HEADER.traceparent]: traceOf(index),
      },
    };
  }

  #keyOf(index: number): string {
    const { hot, keys } = this.#shape;
    return hot === true && index % 2 === 0 ? 'key-hot' : `key-${index % keys}`;
  }

  #encode(index: number, note: string): Uint8Array {
    const envelope = {
      event_id: uuidOf(index),
      family: 'SYSTEM',
      event_type: 'chain.submitted',
      event_version: 1,
      occurred_at: 0,
      correlation_id: this.#keyOf(index),
      causation_id: null,
      sequence: 1,
      producer: 'bench',
      priority: 'normal',
      trace_id: traceOf(index).slice(3, 3 + TRACE_HEX),
    };
    const event = { envelope, payload: { note }, payload_extra: {}, raw: null };
    return this.#codec.encode(INPUT_TOPIC, 'millrace.bench.v1.Submitted', event);
  }
}

/** Unique in a run, and made without asking for randomness. */
function uuidOf(index: number): string {
  return `00000000-0000-4000-8000-${index.toString(16).padStart(12, '0')}`;
}

/** The trace context that names an input: valid as W3C has it, and not sampled. */
export function traceOf(index: number): string {
  return `00-${(index + 1).toString(16).padStart(TRACE_HEX, '0')}-${'0'.repeat(15)}1-00`;
}

/** Which input a record descends from; NaN: of none. */
export function inputOf(headers: Readonly<Record<string, string>>): number {
  const trace = headers[HEADER.traceparent]?.slice(3, 3 + TRACE_HEX);
  return trace ? parseInt(trace, 16) - 1 : Number.NaN;
}
