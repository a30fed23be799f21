import { isoMicros } from '../../avro/index.ts';
import type { EventRecord } from '../../engine/event.ts';
import { HEADER } from '../../engine/event.ts';
import { formatOrigin } from '../../engine/origin.ts';
import type { Topology } from '../../engine/topology.ts';
import type { LogSession } from '../log/log-session.ts';
import type { Sighting } from '../log/topic-scan.ts';
import { sightingsOf } from './correlation.ts';
import type { ExplainedEvent, Explanation, Outcome, Place } from './explanation.ts';
import { journaled, type Journaled } from './handlings.ts';

interface Known {
  readonly eventId: string;
  readonly sightings: readonly Sighting[];
  readonly causationId: string | null;
  readonly type: string | null;
  readonly sequence: number | null;
}

/**
 * Causes and effects of an event, from the topics and the journals alone.
 *
 * Limits: 5,000 records of the correlation; the journals of its partitions are read from their start.
 */
export async function explainEvent(
  session: LogSession,
  of: { readonly eventId: string; readonly correlationId: string; readonly sinceMs: number | null },
): Promise<Explanation> {
  const { eventId, correlationId, sinceMs } = of;
  const { sightings } = await sightingsOf(session, correlationId, sinceMs);
  const found = await journaled(session, {
    correlationId,
    eventIds: new Set(sightings.flatMap((each) => each.eventId ?? [])),
    partitions: new Set(sightings.map(({ partition }) => partition)),
  });
  const known = byEvent(sightings, found);
  const related = relationsOf(eventId, known);
  const times = await occurrences(session, [...known.values()]);
  const events = [...related].map(([id, relation]) => {
    const each = known.get(id) as Known;
    return explained(session, each, { relation, found, times });
  });
  const stamps = events.flatMap(({ event_id }) => times.get(event_id) ?? []);
  return {
    event_id: eventId,
    correlation_id: correlationId,
    events: events.sort((left, right) => inOrder(left, right, times)),
    others: known.size - related.size,
    first_to_last_ms:
      stamps.length === 0 ? null : (Math.max(...stamps) - Math.min(...stamps)) / 1000,
  };
}

function byEvent(sightings: readonly Sighting[], { emits }: Journaled): Map<string, Known> {
  const known = new Map<string, Known>();
  for (const sighting of sightings) {
    const { eventId, causationId, type, sequence } = sighting;
    if (eventId === null) continue;
    const others = known.get(eventId)?.sightings ?? [];
    const all = [...others, sighting];
    known.set(eventId, { eventId, causationId, type, sequence, sightings: all });
  }
  for (const [eventId, headers] of emits) {
    if (known.has(eventId)) continue;
    const sequence = headers[HEADER.sequence];
    known.set(eventId, {
      eventId,
      sightings: [],
      causationId: headers[HEADER.causationId] ?? null,
      type: headers[HEADER.eventType] ?? null,
      sequence: sequence === undefined ? null : Number(sequence),
    });
  }
  return known;
}

/** The chain of causes up to the first event, and everything that descends from this one. */
function relationsOf(
  eventId: string,
  known: ReadonlyMap<string, Known>,
): ReadonlyMap<string, ExplainedEvent['relation']> {
  const related = new Map<string, ExplainedEvent['relation']>([[eventId, 'asked for']]);
  for (
    let cause = known.get(eventId)?.causationId ?? null;
    cause !== null && known.has(cause) && !related.has(cause);
    cause = known.get(cause)?.causationId ?? null
  )
    related.set(cause, 'cause');
  const effectsOf = Map.groupBy(known.values(), ({ causationId }) => causationId);
  const queue = [eventId];
  for (let at = 0; at < queue.length; at++)
    for (const effect of effectsOf.get(queue[at] as string) ?? []) {
      if (related.has(effect.eventId)) continue;
      related.set(effect.eventId, 'effect');
      queue.push(effect.eventId);
    }
  return related;
}

/** When each event occurred, in microseconds, by what its bytes say. */
async function occurrences(
  { codec }: LogSession,
  known: readonly Known[],
): Promise<ReadonlyMap<string, number>> {
  const times = new Map<string, number>();
  for (const { eventId, sightings } of known) {
    const value = sightings[0]?.value ?? null;
    if (value === null) continue;
    try {
      if (!codec.knows(value)) await codec.learn(value);
      const { envelope } = codec.decode(value).value as EventRecord;
      times.set(eventId, envelope.occurred_at);
    } catch (error) {
      if ((error as { readonly code?: unknown }).code === 'REGISTRY_AWAY') throw error;
      // A dead letter may not decode; it has no time then.
    }
  }
  return times;
}

function explained(
  session: LogSession,
  { eventId, sightings, causationId, type, sequence }: Known,
  with_: {
    readonly relation: ExplainedEvent['relation'];
    readonly found: Journaled;
    readonly times: ReadonlyMap<string, number>;
  },
): ExplainedEvent {
  const { relation, found, times } = with_;
  const at = times.get(eventId);
  const causeAt = causationId === null ? undefined : times.get(causationId);
  const dead = sightings.find(({ headers }) => headers['x-error'] !== undefined)?.headers;
  return {
    event_id: eventId,
    type: type ?? '(unreadable)',
    relation,
    sequence,
    causation_id: causationId,
    occurred: at === undefined ? null : isoMicros(at),
    hop_ms: at === undefined || causeAt === undefined ? null : (at - causeAt) / 1000,
    places: placesOf(session.topologies, sightings, found),
    handlings: found.handlings.get(eventId) ?? [],
    dead_letter: dead === undefined ? null : `${dead['x-error']}: ${dead['x-error-message'] ?? ''}`,
  };
}

function placesOf(
  topologies: readonly Topology[],
  sightings: readonly Sighting[],
  found: Journaled,
): readonly Place[] {
  const seen = new Set<string>();
  return sightings.map((sighting) => {
    const { topic, partition, offset, timestampMs, origin } = sighting;
    const isCopy = seen.has(topic);
    seen.add(topic);
    return {
      topic,
      partition,
      offset,
      published: isoMicros(timestampMs * 1000),
      origin: origin === null ? null : formatOrigin(origin),
      copy: !isCopy ? null : origin === null ? 'sent twice' : 'republished',
      outcomes: topologies.flatMap((topology) => outcomeOf(topology, sighting, isCopy, found)),
    };
  });
}

/** Nothing for an application that does not read the event's type. */
function outcomeOf(
  topology: Topology,
  sighting: Sighting,
  isCopy: boolean,
  { positions, taken }: Journaled,
): readonly Outcome[] {
  const { application } = topology;
  const { topic, partition, offset, type, origin, headers } = sighting;
  if (!topology.sources.includes(topic)) return [];
  const actors = topology.consumers.get(type ?? '') ?? [];
  if (actors.length === 0) return [];
  const own = origin?.application === application && origin.task === partition;
  const listed = new Set(own ? (headers[HEADER.fused]?.split(',') ?? []) : []);
  const isFused = actors.every(({ name }) => listed.has(`${application}/${name}`));
  const isPast = offset < (positions.get(`${application}|${topic}/${partition}`) ?? 0);
  const decision = taken.has(`${application}|${topic}/${partition}/${offset}`)
    ? 'handled'
    : isFused
      ? 'handled in the chain'
      : !isPast
        ? 'waiting'
        : isCopy
          ? 'skipped as a copy'
          : 'passed by';
  return [{ application, decision }];
}

const RANK = { cause: 0, 'asked for': 1, effect: 2 } as const;

function inOrder(
  left: ExplainedEvent,
  right: ExplainedEvent,
  times: ReadonlyMap<string, number>,
): number {
  const byRank = RANK[left.relation] - RANK[right.relation];
  if (byRank !== 0) return byRank;
  const byTime = (times.get(left.event_id) ?? 0) - (times.get(right.event_id) ?? 0);
  return byTime !== 0 ? byTime : (left.sequence ?? 0) - (right.sequence ?? 0);
}
