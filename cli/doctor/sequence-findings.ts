import { eventTopics, scanTopics } from '../log/topic-scan.ts';
import type { LogSession } from '../log/log-session.ts';
import type { Finding } from './finding.ts';

/** Correlations that are followed at once; what begins later is left out, and said. */
const MOST_CORRELATIONS = 100_000;
/** Events of one correlation stand on several topics, so the newest may not all be seen yet. */
const SETTLED_MS = 10_000;
/** Gaps that are named. */
const NAMED = 5;

interface Seen {
  readonly sequences: Set<number>;
  newestMs: number;
}

/**
 * Correlations of which an event in the middle stands on no topic. Only those that begin within the time looked at count:
 * of an older one the first events are not seen.
 */
export async function examineSequences(
  session: LogSession,
  { sinceMs, nowMs }: { readonly sinceMs: number | null; readonly nowMs: number },
): Promise<readonly Finding[]> {
  const correlations = new Map<string, Seen>();
  const topics = eventTopics(session.topologies).filter((topic) => !topic.startsWith('dlq.'));
  await scanTopics(session, { topics, sinceMs }, ({ correlationId, sequence, timestampMs }) => {
    if (correlationId === null || sequence === null) return;
    let seen = correlations.get(correlationId);
    if (seen === undefined) {
      if (correlations.size >= MOST_CORRELATIONS) return;
      correlations.set(correlationId, (seen = { sequences: new Set(), newestMs: 0 }));
    }
    seen.sequences.add(sequence);
    seen.newestMs = Math.max(seen.newestMs, timestampMs);
  });
  const gaps = [...correlations].filter(
    ([, { sequences, newestMs }]) =>
      sequences.has(1) && nowMs - newestMs > SETTLED_MS && isGappy(sequences),
  );
  if (gaps.length === 0) return [];
  const named = gaps.slice(0, NAMED).map(([id, { sequences }]) => `${id} (${missing(sequences)})`);
  return [
    {
      level: 'wrong',
      code: 'SEQUENCE_GAP',
      where: 'events',
      what: `${gaps.length} correlations miss events: ${named.join(', ')}`,
      remedy: 'See millrace trace <correlation> and millrace why <the event before the gap>.',
    },
  ];
}

function isGappy(sequences: ReadonlySet<number>): boolean {
  return Math.max(...sequences) !== sequences.size;
}

function missing(sequences: ReadonlySet<number>): string {
  const last = Math.max(...sequences);
  const gone = Array.from({ length: last }, (_, at) => at + 1).filter((at) => !sequences.has(at));
  return gone.join(' ');
}
