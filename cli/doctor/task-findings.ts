import { HEADER } from '../../engine/event.ts';
import type { JournalReader } from '../../engine/journal-reader.ts';
import { isAfter } from '../../engine/journal-reader.ts';
import { markKey } from '../../engine/task-state.ts';
import type { Topology } from '../../engine/topology.ts';
import { foldJournal } from '../log/journal-fold.ts';
import type { LogSession } from '../log/log-session.ts';
import { sightingOf, type Sighting } from '../log/topic-scan.ts';
import type { Finding } from './finding.ts';

/** One task as its journal and its sources show it. */
export interface TaskReport {
  readonly application: string;
  readonly partition: number;
  readonly n: number;
  /** Records in front of it that an actor has to handle; at most `MOST_WAITING` are counted. */
  readonly waiting: number;
  readonly parked_keys: number;
  readonly void_batches: number;
  readonly owner: string | null;
}

/** Records looked at per source in front of a task. */
const MOST_WAITING = 1_000;
/** A record that has waited this long is not one that is just being handled. */
const STALLED_MS = 30_000;

/** What the journals of an application and the records in front of its tasks show. */
export async function examineTasks(
  session: LogSession,
  topology: Topology,
  nowMs: number,
): Promise<{ readonly tasks: readonly TaskReport[]; readonly findings: readonly Finding[] }> {
  const { application, journal: topic } = topology;
  const tasks: TaskReport[] = [];
  const findings: Finding[] = [];
  const bounds = await session.admin.offsets(session.names.physical(topic));
  for (const partition of bounds.keys()) {
    const journal = await foldJournal(session, { application, partition });
    const where = `${application}/${partition}`;
    const sources = await sourceWaits(session, topology, journal, partition);
    const waiting = sources.reduce((sum, source) => sum + source.waiting, 0);
    const { lastFence, state, voidBatches } = journal;
    tasks.push({
      application,
      partition,
      n: state.n,
      waiting,
      parked_keys: state.parked.size,
      void_batches: voidBatches,
      owner: lastFence === null ? null : `${lastFence.fence.member} on ${lastFence.fence.host}`,
    });
    for (const source of sources) findings.push(...waitFindings(where, source, nowMs));
    if (state.parked.size > 0) findings.push(parkedFinding(where, application, journal));
    if (voidBatches > 0) findings.push(voidFinding(where, voidBatches));
  }
  return { tasks, findings };
}

interface SourceWait {
  readonly topic: string;
  readonly waiting: number;
  readonly isCut: boolean;
  readonly oldest: Sighting | null;
  /** The journaled position lies outside of what the topic holds. */
  readonly lost: { readonly position: number; readonly start: number; readonly end: number } | null;
}

async function sourceWaits(
  session: LogSession,
  topology: Topology,
  journal: JournalReader,
  partition: number,
): Promise<readonly SourceWait[]> {
  const waits: SourceWait[] = [];
  const existing = new Set(await session.admin.listTopics());
  for (const topic of topology.sources) {
    const physical = session.names.physical(topic);
    if (!existing.has(physical)) continue;
    const { start = 0, end = 0 } = (await session.admin.offsets(physical))[partition] ?? {};
    const position = journal.state.positions.get(topic)?.offset ?? start;
    const isLossy = topology.lossySources.has(topic);
    const isOutside = position > end || (position < start && !isLossy);
    const lost = isOutside ? { position, start, end } : null;
    const from = isOutside ? end : Math.max(position, start);
    const waiting = await waitingRecords(session, { topic, partition, from, until: end });
    const due = waiting.filter((each) => mustBeHandled(topology, journal, each));
    const isCut = end - from > MOST_WAITING;
    waits.push({ topic, waiting: due.length, isCut, oldest: due[0] ?? null, lost });
  }
  return waits;
}

async function waitingRecords(
  { reader, names }: LogSession,
  range: { readonly topic: string; readonly partition: number; from: number; until: number },
): Promise<readonly Sighting[]> {
  const found: Sighting[] = [];
  const { partition } = range;
  const topic = names.physical(range.topic);
  const until = Math.min(range.until, range.from + MOST_WAITING);
  for (let offset = range.from; offset < until;) {
    const [fetched] = await reader.fetch([{ topic, partition, offset }], { maxWaitMs: 500 });
    if (fetched === undefined || fetched.error !== null || fetched.nextOffset === offset) break;
    for (const record of fetched.records)
      if (record.offset < until) found.push(sightingOf(record, range.topic));
    offset = fetched.nextOffset;
  }
  return found;
}

/** Whether an actor still has to take it: what is skipped is journaled late, and nobody waits for it. */
function mustBeHandled(topology: Topology, { state }: JournalReader, record: Sighting): boolean {
  const { application } = topology;
  const { type, origin, topic, partition, headers, eventId, key } = record;
  const actors = topology.consumers.get(type ?? '') ?? [];
  if (actors.length === 0) return false;
  if (origin === null) {
    const id = Buffer.from(key ?? []).toString('utf8');
    return state.seen.get(id)?.has(eventId ?? '') !== true;
  }
  const mark = state.marks.get(markKey(topic, origin.application, origin.task));
  if (mark !== undefined && !isAfter(origin.n, origin.index, mark.n, mark.index)) return false;
  if (origin.application !== application || origin.task !== partition) return true;
  const fused = new Set(headers[HEADER.fused]?.split(',') ?? []);
  return !actors.every(({ name }) => fused.has(`${application}/${name}`));
}

function waitFindings(where: string, source: SourceWait, nowMs: number): readonly Finding[] {
  const { topic, waiting, isCut, oldest, lost } = source;
  if (lost !== null)
    return [
      {
        level: 'wrong',
        code: 'DATA_LOSS',
        where,
        what: `its journal stands at ${lost.position} of ${topic}, which holds ${lost.start}…${lost.end}`,
        remedy:
          'Find out what the broker lost or who made the topic anew; the task stays stopped until the topic is restored, ' +
          'or `millrace accept-loss` has said what is given up and was told to go on.',
      },
    ];
  if (oldest === null) return [];
  const ageMs = nowMs - oldest.timestampMs;
  const many = `${isCut ? 'over ' : ''}${waiting} records of ${topic} wait, the oldest for ${Math.round(ageMs / 1000)} s`;
  if (ageMs > STALLED_MS)
    return [
      {
        level: 'wrong',
        code: 'TASK_STALLED',
        where,
        what: many,
        remedy:
          'See the log and /health of the process that owns the task; restart that process. Nothing is lost: the ' +
          'next owner goes on where the journal ends.',
      },
    ];
  return [
    {
      level: 'note',
      code: 'TASK_LAG',
      where,
      what: many,
      remedy: 'Look again; it is being worked off.',
    },
  ];
}

function parkedFinding(where: string, application: string, { state }: JournalReader): Finding {
  const waiting = [...state.parked].filter(([, { due }]) => due === null);
  const [[name, queue] = ['', undefined]] = waiting.length > 0 ? waiting : state.parked;
  const such = `such as ${name.replace('|', ' ')} (${queue?.code ?? ''})`;
  if (waiting.length === 0)
    return {
      level: 'note',
      code: 'KEYS_PARKED',
      where,
      what: `${state.parked.size} keys are on their ladder, ${such}`,
      remedy:
        'They are handled again by themselves, then go to the dead letters; millrace park list says when, millrace ' +
        'park release does it at once.',
    };
  return {
    level: 'wrong',
    code: 'KEYS_PARKED',
    where,
    what: `${waiting.length} keys are parked, ${such}`,
    remedy:
      `See millrace park show ${application}; mend the handler, then millrace park release; or park drop, which sends ` +
      `the head to the dead letters. Its messages wait in order, and nothing of them is lost.`,
  };
}

function voidFinding(where: string, voidBatches: number): Finding {
  return {
    level: 'note',
    code: 'VOID_BATCHES',
    where,
    what: `${voidBatches} batches of fenced owners stand in the journal and count for nothing`,
    remedy:
      'Nothing: this is the protocol at work. Many new ones mean that processes stall or are paused.',
  };
}
