import type { AvroCodec } from '../../avro/index.ts';
import { HEADER } from '../../engine/event.ts';
import type { RecordToSend } from '../../kafka/client.ts';
import { partitionOf } from '../../kafka/partitioner.ts';

/** The topic that every work begins with. Each system has its topics under a prefix of its own. */
export const INPUT_TOPIC = 'chain.submitted';

/**
 * What systems are given to do, by its topics in order: `chain` is three steps with a count per key each, `count` is one
 * step that emits the count, `keep` the same with the last value of each key in the state;
 * `classes` is work of four classes that one actor does. The last topic is what is waited for.
 */
export const WORKS = {
  chain: [INPUT_TOPIC, 'chain.checked', 'chain.accepted', 'chain.planned'],
  count: [INPUT_TOPIC, 'chain.counted'],
  keep: [INPUT_TOPIC, 'chain.counted'],
  classes: ['work.critical', 'work.high', 'work.normal', 'work.low', 'work.done'],
} as const satisfies Readonly<Record<string, readonly string[]>>;

export type Work = keyof typeof WORKS;

/** What an input is sent as, where it is not the one that works begin with. */
export interface InputKind {
  /** Of the event, and of its topic. */
  readonly type: string;
  readonly record: string;
}

/** Topics whose records follow from inputs. */
export function outputsOf(work: Work): readonly string[] {
  return work === 'classes' ? ['work.done'] : WORKS[work].slice(1);
}

const SUBMITTED: InputKind = { type: INPUT_TOPIC, record: 'millrace.bench.v1.Submitted' };

/** Header in which those who pass on the bytes of their input say the count; this system says it in the value. */
export const COUNT_HEADER = 'count';
const TRACE_HEX = 32;

/** What the inputs look like. */
export interface Shape {
  /** Of the Avro value, envelope included. */
  readonly valueBytes: number;
  readonly keys: number;
  /** Every second input has the same key. */
  readonly hot: boolean;
  readonly partitions: number;
  readonly work: Work;
}

/** What systems are compared on where nothing else is said. */
export const USUAL_SHAPE: Shape = {
  valueBytes: 250,
  keys: 1_000,
  hot: false,
  partitions: 4,
  work: 'chain',
};

/**
 * Makes the inputs of one system. Each is named by its place, which every output of it carries on as the trace id in the
 * header `traceparent`: so a reader knows what belongs together without decoding, whoever wrote it.
 */
export class InputMaker {
  readonly #codec: AvroCodec;
  readonly #shape: Shape;
  readonly #prefix: string;
  readonly #note: string;
  #next = 0;

  constructor(codec: AvroCodec, shape: Shape, prefix: string) {
    this.#codec = codec;
    this.#shape = shape;
    this.#prefix = prefix;
    const empty = this.#encode(0, '', SUBMITTED).byteLength;
    this.#note = 'x'.repeat(Math.max(0, shape.valueBytes - empty));
  }

  /** How many were made: the name of the next one. */
  get made(): number {
    return this.#next;
  }

  next(kind: InputKind = SUBMITTED): RecordToSend {
    const index = this.#next++;
    const key = Buffer.from(this.#keyOf(index, kind));
    return {
      topic: this.#prefix + kind.type,
      partition: partitionOf(key, this.#shape.partitions),
      key,
      value: this.#encode(index, this.#note, kind),
      headers: {
        [HEADER.eventId]: uuidOf(index),
        [HEADER.eventType]: kind.type,
        [HEADER.family]: 'SYSTEM',
        [HEADER.correlationId]: key.toString(),
        [HEADER.sequence]: '1',
        [HEADER.priority]: 'normal',
        [HEADER.traceparent]: traceOf(index),
      },
    };
  }

  /** Where an input went. */
  partitionOf(index: number): number {
    return partitionOf(Buffer.from(this.#keyOf(index, SUBMITTED)), this.#shape.partitions);
  }

  #keyOf(index: number, { type }: InputKind): string {
    const { hot, keys } = this.#shape;
    const key = hot && index % 2 === 0 ? 'key-hot' : `key-${index % keys}`;
    // Order is per key over all that an actor takes: what comes in several classes has keys of its own in each.
    return type === INPUT_TOPIC ? key : `${type}-${key}`;
  }

  #encode(index: number, note: string, kind: InputKind): Uint8Array {
    const { type, record } = kind;
    const envelope = {
      event_id: uuidOf(index),
      family: 'SYSTEM',
      event_type: type,
      event_version: 1,
      occurred_at: 0,
      correlation_id: this.#keyOf(index, kind),
      causation_id: null,
      sequence: 1,
      producer: 'bench',
      priority: 'normal',
      trace_id: traceOf(index).slice(3, 3 + TRACE_HEX),
    };
    const event = { envelope, payload: { note }, payload_extra: {}, raw: null };
    return this.#codec.encode(type, record, event);
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
