import { isoMicros } from '../../avro/index.ts';
import { HEADER, type Headers } from '../../engine/event.ts';
import { scanTopics, type Sighting } from '../log/topic-scan.ts';
import type { LogSession } from '../log/log-session.ts';

/** One dead letter: where it stands, and why. */
export interface Letter {
  /** `dlq.<name>/partition/offset`: names it for peek and redrive. */
  readonly id: string;
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
  /** ISO 8601. */
  readonly at: string;
  readonly application: string;
  readonly key: string | null;
  readonly event_id: string | null;
  readonly event_type: string | null;
  readonly correlation_id: string | null;
  readonly error: string;
  readonly error_message: string;
  readonly attempt: number;
  /** `topic/partition/offset` it came from; null where the header names none. */
  readonly original: string | null;
  /** Already sent to `<application>.redrive`. */
  readonly redriven: boolean;
  readonly headers: Headers;
}

/** Letters of one topic that are looked at; past it the topic is said to be cut. */
const MOST_LETTERS = 10_000;

/** The dead-letter topics that exist: of these topologies, and any other `dlq.*` under the prefix. */
export async function deadLetterTopicsOf({ admin, names }: LogSession): Promise<readonly string[]> {
  const all = names.own(await admin.listTopics());
  return all.filter((topic) => topic.startsWith('dlq.')).sort();
}

/**
 * The letters of the topics given, oldest first in each partition; one that a new owner has published again counts once
 * (J7a). Limits: 10,000 a topic.
 */
export async function lettersOf(
  session: LogSession,
  topics: readonly string[],
): Promise<readonly Letter[]> {
  const redriven = await redrivenIds(session);
  const letters: Letter[] = [];
  for (const topic of topics) {
    let count = 0;
    const origins = new Set<string>();
    await scanTopics(session, { topics: [topic], sinceMs: null }, (sighting) => {
      const origin = sighting.headers[HEADER.origin];
      if (origin !== undefined && origins.has(origin)) return false;
      if (origin !== undefined) origins.add(origin);
      letters.push(letterOf(sighting, redriven));
      return ++count >= MOST_LETTERS;
    });
  }
  return letters;
}

async function redrivenIds(session: LogSession): Promise<ReadonlySet<string>> {
  const ids = new Set<string>();
  const all = session.names.own(await session.admin.listTopics());
  const topics = all.filter((topic) => topic.endsWith('.redrive'));
  await scanTopics(session, { topics, sinceMs: null }, ({ headers }) => {
    const from = headers[HEADER.redrivenFrom];
    if (from !== undefined) ids.add(from);
  });
  return ids;
}

function letterOf(record: Sighting, redriven: ReadonlySet<string>): Letter {
  const { topic, partition, offset, headers, key, timestampMs } = record;
  const id = `${topic}/${partition}/${offset}`;
  const from = [
    headers['x-original-topic'],
    headers['x-original-partition'],
    headers['x-original-offset'],
  ];
  return {
    id,
    topic,
    partition,
    offset,
    at: isoMicros(timestampMs * 1000),
    application: headers['x-application'] ?? '',
    key: key === null ? null : Buffer.from(key).toString('utf8'),
    event_id: headers[HEADER.eventId] ?? null,
    event_type: headers[HEADER.eventType] ?? null,
    correlation_id: headers[HEADER.correlationId] ?? null,
    error: headers['x-error'] ?? '',
    error_message: headers['x-error-message'] ?? '',
    attempt: Number(headers['attempt'] ?? 0),
    original: from[0] === undefined ? null : from.filter((part) => part !== undefined).join('/'),
    redriven: redriven.has(id),
    headers,
  };
}

/** Depth of a dead-letter topic: what stands there and was not redriven. */
export interface Depth {
  readonly topic: string;
  readonly letters: number;
  readonly redriven: number;
  /** ISO 8601 of the oldest that was not redriven. */
  readonly oldest: string | null;
}

export function depthsOf(topics: readonly string[], letters: readonly Letter[]): readonly Depth[] {
  return topics.map((topic) => {
    const own = letters.filter((letter) => letter.topic === topic);
    const left = own.filter((letter) => !letter.redriven);
    return {
      topic,
      letters: left.length,
      redriven: own.length - left.length,
      oldest: left.map(({ at }) => at).sort()[0] ?? null,
    };
  });
}
