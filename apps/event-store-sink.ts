import { joinPayload } from '../avro/index.ts';
import { type EventStore, type StoredEvent, StoreError } from '../connectors/postgres/index.ts';
import type { ReadModelWriter } from '../connectors/redis/index.ts';
import { type Codec, CodecError } from '../engine/codec.ts';
import type { EventRecord } from '../engine/event.ts';
import type { FetchedRecord, FetchPosition } from '../kafka/client.ts';
import type { Log } from '../kafka/log.ts';
import type { SinkMove, SinkTarget } from '../kafka/sink.ts';
import { headerFields, placeOf } from './log.ts';

/** What the event store holds: the durable stream. market.* is not part of it (B-111). */
export const STORED_TOPICS = ['intents', 'risk', 'plans', 'exec'];
const SINK = 'event-store';

export interface EventStoreSinkOptions {
  readonly store: EventStore;
  readonly seen: Pick<ReadModelWriter, 'seen'>;
  readonly codec: Codec;
  readonly log: Log;
}

/**
 * Every event to Postgres as it arrives, rows and positions in one transaction, so that a crash neither loses
 * nor doubles a row. `events:seen:*` is set after the commit, as a hint only; Redis away changes nothing here.
 *
 * Source: B-65, B-66, K-09, X-11.
 */
export function eventStoreSink(options: EventStoreSinkOptions): SinkTarget {
  const { store, seen, log } = options;
  return {
    name: SINK,
    topics: STORED_TOPICS,
    mayStartLate: false,
    async positions(partitions): Promise<readonly FetchPosition[]> {
      const wanted = STORED_TOPICS.flatMap((topic) =>
        partitions.map((partition) => ({ topic, partition })),
      );
      await store.ensurePositions(SINK, wanted);
      const own = new Set(partitions);
      const stored = await store.positions(SINK);
      return stored
        .filter(({ topic, partition }) => STORED_TOPICS.includes(topic) && own.has(partition))
        .map(({ topic, partition, next }) => ({ topic, partition, offset: next }));
    },
    async write(records: readonly FetchedRecord[], moves: readonly SinkMove[]): Promise<void> {
      const events = await storedEvents(records, options);
      await appendStorable(store, moves, events, log);
      const ids = events.map((event) => event.eventId);
      seen.seen(ids).catch((error: unknown) => log.info({ error }, 'seen hints not set'));
    },
  };
}

/** Events that Postgres can never hold (U+0000 in a text, say) are named and left out; their neighbours are stored. */
async function appendStorable(
  store: EventStore,
  moves: readonly SinkMove[],
  events: readonly StoredEvent[],
  log: Log,
): Promise<void> {
  try {
    await store.append({ sink: SINK, moves, events });
  } catch (error) {
    if (!(error instanceof StoreError) || error.code !== 'INVALID') throw error;
    const refused = new Set(error.eventIds);
    if (refused.size === 0) throw error;
    for (const { type: topic, correlationId, eventId } of events)
      if (refused.has(eventId)) log.error({ topic, correlationId, eventId }, error.message);
    const rest = events.filter((event) => !refused.has(event.eventId));
    await store.append({ sink: SINK, moves, events: rest });
  }
}

async function storedEvents(
  records: readonly FetchedRecord[],
  { codec, log }: EventStoreSinkOptions,
): Promise<StoredEvent[]> {
  const events: StoredEvent[] = [];
  for (const record of records) {
    if (record.value === null) continue;
    try {
      if (!codec.knows(record.value)) await codec.learn(record.value);
      events.push(toStored(codec.decode(record.value).value as EventRecord));
    } catch (error) {
      if (!(error instanceof CodecError) || error.code === 'REGISTRY_AWAY') throw error;
      // Its dead letter is the business of the application that reads it; the store holds events only.
      const fields = { ...headerFields(record.headers), origin: placeOf(record) };
      log.warn({ ...fields, code: error.code }, 'no event, not stored');
    }
  }
  return events;
}

function toStored(event: EventRecord): StoredEvent {
  const { envelope } = event;
  return {
    eventId: envelope.event_id,
    occurredAtMicros: envelope.occurred_at,
    type: envelope.event_type,
    correlationId: envelope.correlation_id,
    causationId: envelope.causation_id,
    payload: joinPayload(event as EventRecord<Readonly<Record<string, unknown>>>),
    version: envelope.event_version,
    family: envelope.family,
    sequence: envelope.sequence,
  };
}
