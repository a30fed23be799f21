import { eventDefinition, eventHeaders, fromWire } from '../../avro/index.ts';
import type { EventStore, WireEvent } from '../../connectors/postgres/index.ts';
import type { Topology } from '../../engine/topology.ts';
import { partitionOf } from '../../kafka/partitioner.ts';
import type { LogSession } from '../log/log-session.ts';
import {
  type EventSource,
  refuseTooMany,
  type ReplayedRecord,
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
    records: async (topology, { partition, partitions, selection }) => {
      const records: ReplayedRecord[] = [];
      for await (const page of chosenCorrelations(store, topology, selection)) {
        const own = page.filter((id) => partitionOf(Buffer.from(id), partitions) === partition);
        for (let at = 0; at < own.length; at += AT_ONCE) {
          const histories = own.slice(at, at + AT_ONCE).map((id) => store.history(id));
          for (const event of (await Promise.all(histories)).flat()) {
            const record = recordOf(session, event, partition);
            const isYounger = selection.toMs !== null && record.timestampMs > selection.toMs;
            if (!isYounger && topology.sources.includes(record.topic)) records.push(record);
          }
          refuseTooMany(records.length, partition);
        }
      }
      return records;
    },
  };
}

function chosenCorrelations(
  store: EventStore,
  topology: Topology,
  { correlationId, topic, fromMs, toMs }: Selection,
): AsyncIterable<readonly string[]> | readonly (readonly string[])[] {
  if (correlationId !== null) return [[correlationId]];
  const types = [...topology.events.values()]
    .filter((event) => event.topic === topic)
    .map(({ type }) => type);
  return topic === null
    ? store.correlations({ types: null, fromMs: null, toMs: null })
    : store.correlations({ types, fromMs, toMs });
}

function recordOf({ codec }: LogSession, wire: WireEvent, partition: number): ReplayedRecord {
  const event = fromWire(
    { ...wire, payload: wire.payload as Readonly<Record<string, unknown>> },
    { producer: 'event-store' },
  );
  const { topic, record } = eventDefinition(wire.topic);
  const { correlation_id: correlationId, occurred_at: time, sequence } = event.envelope;
  return {
    topic,
    partition,
    offset: 0,
    timestampMs: Math.floor(time / 1000),
    headers: eventHeaders(event.envelope),
    key: Buffer.from(correlationId),
    value: codec.encode(topic, record, event),
    correlationId,
    sequence,
  };
}
