import { fromBase64 } from './base64.ts';
import type { Codec } from './codec.ts';
import { unknownEmit } from './errors.ts';
import { addressHeaders, envelopeHeaders } from './event-headers.ts';
import { HEADER, type Headers } from './event.ts';
import type { UnplacedEmit } from './journal.ts';
import type { SourceRecord } from './task.ts';
import type { ParkedMessage } from './task-state.ts';
import type { Topology } from './topology.ts';
import { traceHeaders } from './traceparent.ts';

/** Why a message is set aside or tried again, by whom, after how many calls, and where it stood. */
export interface Failure {
  readonly actor: string;
  readonly code: string;
  readonly reason: string;
  readonly attempt: number;
  readonly at: ParkedMessage['at'] | null;
}

export interface LetterEncoderOptions {
  readonly topology: Topology;
  readonly partition: number;
  readonly codec: Codec;
}

const utf8 = new TextEncoder();

/** Turns what is set aside, or tried again, into records: dead letters, and notices of the ladder. */
export class LetterEncoder {
  readonly #options: LetterEncoderOptions;

  constructor(options: LetterEncoderOptions) {
    this.#options = options;
  }

  /** A record that cannot be handled, with its bytes as they came. */
  deadRecord(record: SourceRecord, code: string, reason: string): UnplacedEmit {
    const type = record.headers[HEADER.eventType];
    const known = type !== undefined && this.#isKnown(type);
    // Marks of where it stood; a redrive stands elsewhere.
    const {
      [HEADER.origin]: _origin,
      [HEADER.fused]: _fused,
      [HEADER.producerId]: _id,
      [HEADER.producerSequence]: _sequence,
      ...headers
    } = record.headers;
    return {
      topic: `dlq.${known ? type : record.topic}`,
      partition: this.#options.partition,
      key: record.key,
      value: record.value,
      headers: {
        ...headers,
        'x-application': this.#options.topology.application,
        'x-original-topic': record.topic,
        'x-original-partition': String(record.partition),
        'x-original-offset': String(record.offset),
        'x-error': code,
        'x-error-message': reason.slice(0, 1_000),
        attempt: '1',
      },
    };
  }

  #isKnown(type: string): boolean {
    const { topology } = this.#options;
    return topology.consumers.has(type) || topology.referenceOf.has(type);
  }

  /** A message that is set aside: its record as it came, or encoded where it was none. Throws: EngineError UNKNOWN_EMIT when it is no event of ours. */
  deadMessage(message: ParkedMessage, { actor, code, reason, attempt, at }: Failure): UnplacedEmit {
    const { topology } = this.#options;
    const original = at ?? { topic: topology.events.get(message.type)?.topic ?? '' };
    return {
      ...this.#again(message, `dlq.${message.type}`),
      headers: {
        ...envelopeHeaders(message.envelope),
        ...addressHeaders(message.replyTo),
        ...traceHeaders(message.traceparent),
        'x-application': topology.application,
        [HEADER.actor]: actor,
        ...originalPlace(original),
        'x-error': code,
        'x-error-message': reason.slice(0, 1_000),
        attempt: String(attempt),
      },
    };
  }

  /** Tells of a message that is on its ladder. Source: E-52 … E-54. */
  retryNotice(
    message: ParkedMessage,
    { code, reason, attempt }: Omit<Failure, 'actor' | 'at'>,
  ): UnplacedEmit {
    const { topology } = this.#options;
    return {
      ...this.#again(message, `${topology.application}.retry.${attempt}`),
      headers: {
        ...envelopeHeaders(message.envelope),
        ...traceHeaders(message.traceparent),
        'x-retry': `${message.type}.retry.${attempt}`,
        'x-failure': code,
        'x-failure-message': reason.slice(0, 1_000),
        attempt: String(attempt),
      },
    };
  }

  #again(message: ParkedMessage, topic: string): Omit<UnplacedEmit, 'headers'> {
    const { topology, partition, codec } = this.#options;
    const definition = topology.events.get(message.type);
    if (definition === undefined) throw unknownEmit('dead letter', message.type);
    const { envelope, payload, key } = message;
    const record = { envelope, payload, payload_extra: {}, raw: null };
    const value =
      message.bytes === undefined
        ? codec.encode(definition.topic, definition.record, record)
        : fromBase64(message.bytes);
    return { topic, partition, key: utf8.encode(key), value };
  }
}

function originalPlace(at: { topic: string; partition?: number; offset?: number }): Headers {
  const { topic, partition, offset } = at;
  if (partition === undefined || offset === undefined) return { 'x-original-topic': topic };
  return {
    'x-original-topic': topic,
    'x-original-partition': String(partition),
    'x-original-offset': String(offset),
  };
}
