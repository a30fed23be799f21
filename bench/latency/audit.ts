import { HEADER, type EventRecord } from '../../engine/event.ts';
import type { Codec } from '../../engine/codec.ts';
import type { FetchedRecord, FetchPosition, KafkaClient } from '../../kafka/client.ts';
import { readRange } from '../../kafka/read-range.ts';
import { endsOf } from './topic-tail.ts';

/** A run whose events are not all there, once and in order, says nothing about speed. */
export class VoidRunError extends Error {
  override readonly name = 'VoidRunError';
  readonly code = 'VOID_RUN';
}

/** What a record on the log says about its place in a chain. */
export interface LoggedEvent {
  readonly correlationId: string;
  readonly type: string;
  readonly sequence: number;
  /** Null for those of the raw twin, which names neither. */
  readonly eventId: string | null;
  readonly causationId: string | null;
  /** Microseconds; null where the value is not the event's own. */
  readonly occurredAt: number | null;
}

/** The events of a sound intent up to its plan, each the cause of the next. */
export const CHAIN = ['intent.submitted', 'risk.approved', 'intent.accepted', 'plan.created'];
const READ_LIMIT_MS = 30_000;

/** Everything that was put on the topics since `from`, read again from the log, after the phase. */
export async function readLog(
  kafka: KafkaClient,
  from: readonly FetchPosition[],
  decode: ((record: FetchedRecord) => EventRecord) | null,
): Promise<readonly LoggedEvent[]> {
  const ends = await endsOf(kafka, [...new Set(from.map(({ topic }) => topic))]);
  const reader = kafka.reader();
  const signal = AbortSignal.timeout(READ_LIMIT_MS);
  const events: LoggedEvent[] = [];
  try {
    for (const { topic, partition, offset } of from) {
      const end = ends.find((each) => each.topic === topic && each.partition === partition);
      const range = { reader, topic, partition, from: offset, until: end?.offset ?? 0, signal };
      await readRange(range, (record) => void events.push(toLogged(record, decode)));
    }
  } finally {
    await reader.close();
  }
  return events;
}

/** Decodes a record's value with schemas that are known. */
export function decodeWith(codec: Codec): (record: FetchedRecord) => EventRecord {
  return ({ value }) => codec.decode(value ?? new Uint8Array()).value as EventRecord;
}

function toLogged(
  record: FetchedRecord,
  decode: ((record: FetchedRecord) => EventRecord) | null,
): LoggedEvent {
  const { headers } = record;
  return {
    correlationId: headers[HEADER.correlationId] ?? '',
    type: headers[HEADER.eventType] ?? '',
    sequence: Number(headers[HEADER.sequence]),
    eventId: headers[HEADER.eventId] ?? null,
    causationId: headers[HEADER.causationId] ?? null,
    occurredAt: decode === null ? null : decode(record).envelope.occurred_at,
  };
}

/**
 * Checks that each correlation has its chain on the log, every event once, in order and each caused by the one
 * before it; and that nothing else was there.
 *
 * Throws: VoidRunError that names the first correlation which differs, and how many do.
 */
export function checkChains(
  correlations: readonly string[],
  events: readonly LoggedEvent[],
): ReadonlyMap<string, readonly LoggedEvent[]> {
  const logged = Map.groupBy(
    [...events].sort((left, right) => left.sequence - right.sequence),
    ({ correlationId }) => correlationId,
  );
  const wanted = new Set(correlations);
  const bad = [
    ...correlations.flatMap((id) => faultOf(id, logged.get(id) ?? []) ?? []),
    ...[...logged.keys()].filter((id) => !wanted.has(id)).map((id) => `${id} was not sent here`),
  ];
  if (wanted.size !== correlations.length) bad.push('two intents have the same correlation');
  if (bad.length === 0) return logged;
  throw new VoidRunError(`${bad[0]} (${bad.length} such): the run is void.`);
}

function faultOf(correlationId: string, events: readonly LoggedEvent[]): string | null {
  const types = events.map(({ type }) => type).join(', ');
  if (types !== CHAIN.join(', '))
    return `${correlationId} has ${types || 'nothing'} on the log, not ${CHAIN.join(', ')}`;
  for (const [index, { sequence, causationId, type }] of events.entries()) {
    if (sequence !== index + 1) return `${correlationId}: ${type} has the sequence ${sequence}`;
    const cause = index === 0 ? null : (events[index - 1]?.eventId ?? null);
    if (causationId !== cause) return `${correlationId}: ${type} names another cause`;
  }
  return null;
}
