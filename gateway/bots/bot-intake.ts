import { BOT_RULES, eventDefinition, eventHeaders } from '../../avro/index.ts';
import type { Codec } from '../../engine/codec.ts';
import type { Headers } from '../../engine/event.ts';
import type { RecordToSend } from '../../kafka/client.ts';
import type { TopicNames } from '../../kafka/topic-names.ts';
import { takeBotJson } from '../../processors/bots/index.ts';

/** An event that is against the rules, as it is reported. */
export interface RejectedEvent {
  /** Place in the batch, from 0. */
  readonly index: number;
  /** As far as it could be read. */
  readonly event_id: string | null;
  readonly field: string;
  readonly code: string;
  readonly message: string;
}

/** One event of a batch, ready to be sent. Those that are rejected go to `orders.json`, whose reader sets them aside. */
export interface IntakeRecord {
  readonly record: RecordToSend;
  /** Null: rejected. */
  readonly eventId: string | null;
}

export interface Intake {
  /** All of them, in the order they came. */
  readonly records: readonly IntakeRecord[];
  readonly rejected: readonly RejectedEvent[];
}

export interface BotIntakeOptions {
  readonly codec: Codec;
  readonly names: TopicNames;
  readonly partitions: number;
  readonly partitionOf: (key: Uint8Array, partitions: number) => number;
  readonly source: 'http' | 'legacy_file';
}

/**
 * Turns the JSON of events into records: what passes the rules into Avro for `orders`, the rest as it came for
 * `orders.json`, where it is counted and set aside like any other (S-29).
 */
export class BotIntake {
  readonly #options: BotIntakeOptions;

  constructor(options: BotIntakeOptions) {
    this.#options = options;
  }

  /** `first`: place of the first event, for files that come in parts. */
  take(events: readonly Uint8Array[], first = 0): Intake {
    const { source } = this.#options;
    const records: IntakeRecord[] = [];
    const rejected: RejectedEvent[] = [];
    for (const [at, raw] of events.entries()) {
      const index = first + at;
      const intake = takeBotJson(raw, { legacy: source === 'legacy_file' });
      if (intake.ok) {
        const { record, backfilled } = intake.taken;
        const { envelope } = record;
        const status: Headers = backfilled ? { schema_validation_status: 'backfilled' } : {};
        const headers = eventHeaders(envelope, { ingest_source: source, ...status });
        records.push({ record: this.#avro(record, headers), eventId: envelope.event_id });
        continue;
      }
      const id = intake.event?.['event_id'];
      const event_id = typeof id === 'string' ? id.slice(0, MAX_ID_CHARS) : null;
      rejected.push({ index, event_id, ...intake.rejection });
      records.push({ record: this.#json(raw, index), eventId: null });
    }
    return { records, rejected };
  }

  #avro(event: Parameters<typeof eventRecordOf>[0], headers: Headers): RecordToSend {
    const { codec, names, partitions, partitionOf } = this.#options;
    const { topic, record, key } = eventRecordOf(event);
    return {
      topic: names.physical(topic),
      partition: partitionOf(key, partitions),
      key,
      value: codec.encode(topic, record, event),
      headers,
    };
  }

  #json(raw: Uint8Array, index: number): RecordToSend {
    const { names, partitions, source } = this.#options;
    return {
      topic: names.physical('orders.json'),
      partition: index % partitions,
      key: null,
      // What is too large for an event may be too large for a record: enough of it to be refused for the same reason.
      value: raw.subarray(0, BOT_RULES.limits.eventBytes + 1),
      headers: { ingest_source: source },
    };
  }
}

const MAX_ID_CHARS = 200;

function eventRecordOf({
  envelope,
}: {
  readonly envelope: { readonly event_type: string; readonly correlation_id: string };
}) {
  const { topic, record } = eventDefinition(envelope.event_type);
  return { topic, record, key: Buffer.from(envelope.correlation_id) };
}
