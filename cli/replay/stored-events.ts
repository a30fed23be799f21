import { eventDefinition, eventHeaders, fromWire } from '../../avro/index.ts';
import type { EventStore, WireEvent } from '../../connectors/postgres/index.ts';
import type { Topology } from '../../engine/topology.ts';
import { partitionOf } from '../../kafka/partitioner.ts';
import type { LogSession } from '../log/log-session.ts';
import {
  type EventSource,
  refuseTooMany,
  type ReplayedRecord,
  replayedTopics,
  type Selection,
} from './replayed-events.ts';

/** Histories that are read at once. */
const AT_ONCE = 8;

/**
 * The event store, which keeps what topics no longer hold. An event has there what the wire form has: its bytes are not
 * those of its record, but what a handler reads of it is the same.
 *
 * Throws: StoreError.
 */
export function storeSource(session: LogSession, store: EventStore): EventSource {
  return {
    async *pages(topology, { selection, partitions }) {
      for await (const ids of chosenCorrelations(store, topology, selection))
        yield async () => {
          const records: ReplayedRecord[] = [];
          for (let at = 0; at < ids.length; at += AT_ONCE) {
            const histories = ids.slice(at, at + AT_ONCE).map((id) => store.history(id));
            for (const event of (await Promise.all(histories)).flat()) {
              if (!isReplayed(topology, event)) continue;
              const record = recordOf(session, event, partitions);
              const isYounger = selection.toMs !== null && record.timestampMs > selection.toMs;
              if (!isYounger) records.push(record);
            }
            refuseTooMany(records.length);
          }
          return records;
        };
    },
  };
}

function isReplayed(topology: Topology, { topic: type }: WireEvent): boolean {
  const topic = topology.events.get(type)?.topic;
  return topic !== undefined && replayedTopics(topology).includes(topic);
}

function chosenCorrelations(
  store: EventStore,
  topology: Topology,
  { correlationId, topic, fromMs, toMs }: Selection,
): AsyncIterable<readonly string[]> | readonly (readonly string[])[] {
  if (correlationId !== null) return [[correlationId]];
  const topics = topic === null ? replayedTopics(topology) : [topic];
  const types = [...topology.events.values()]
    .filter((event) => topics.includes(event.topic))
    .map(({ type }) => type);
  return topic === null
    ? store.correlations({ types, fromMs: null, toMs: null })
    : store.correlations({ types, fromMs, toMs });
}

function recordOf({ codec }: LogSession, wire: WireEvent, partitions: number): ReplayedRecord {
  const event = fromWire(
    { ...wire, payload: wire.payload as Readonly<Record<string, unknown>> },
    { producer: 'event-store' },
  );
  const { topic, record } = eventDefinition(wire.topic);
  const { correlation_id: correlationId, occurred_at: time, sequence } = event.envelope;
  return {
    topic,
    partition: partitionOf(Buffer.from(correlationId), partitions),
    offset: 0,
    timestampMs: Math.floor(time / 1000),
    headers: eventHeaders(event.envelope),
    key: Buffer.from(correlationId),
    value: codec.encode(topic, record, event),
    correlationId,
    sequence,
  };
}
