import { HEADER } from '../../engine/event.ts';
import type { EventRecord } from '../../engine/event.ts';
import type { Batch, JournaledEmit } from '../../engine/journal.ts';
import type { JournalReader } from '../../engine/journal-reader.ts';
import { Task } from '../../engine/task.ts';
import type { Topology } from '../../engine/topology.ts';
import type { FetchedRecord } from '../../kafka/client.ts';
import { partitionOf } from '../../kafka/partitioner.ts';
import { foldJournal } from '../log/journal-fold.ts';
import { type LogSession, topologyOf } from '../log/log-session.ts';
import { learn, RecordSource } from '../log/record-source.ts';
import type { Letter } from './letters.ts';

/** What a redrive of one letter would do. */
export interface RedrivePlan {
  readonly letter: Letter;
  /** Where it would be handled: its own, or that of its key where it stood on a wrong one. */
  readonly partition: number;
  /** Later events of its key were handled by the application: it would come out of order (J8a). Not so where its actor orders. */
  readonly movedPast: boolean;
  readonly outcome: 'handled' | 'dead letter again' | 'parked' | 'nothing' | 'gone';
  /** The error it would meet; null where it meets none. */
  readonly error: string | null;
  readonly states: readonly {
    readonly actor: string;
    readonly key: string;
    readonly before: unknown;
    readonly after: unknown;
  }[];
  readonly emits: readonly {
    readonly topic: string;
    readonly type: string | null;
    readonly key: string;
    readonly payload: unknown;
  }[];
  /** What is sent instead of the letter's own; absent: its own. */
  readonly instead?: Pick<FetchedRecord, 'value' | 'headers'>;
}

/**
 * Runs today's handlers over the letters from the state that the journal of their task has now; nothing is written.
 * Several letters of one task are run one after the other, as they would be.
 */
export async function planRedrive(
  session: LogSession,
  letters: readonly Letter[],
): Promise<readonly RedrivePlan[]> {
  const plans: RedrivePlan[] = [];
  for (const [application, all] of Map.groupBy(letters, (letter) => letter.application)) {
    const topology = topologyOf(session, application);
    const { length } = await session.admin.offsets(session.names.physical(topology.journal));
    for (const [partition, own] of Map.groupBy(all, (letter) => homeOf(letter, length)))
      plans.push(...(await planTask(session, topology, { partition, length, letters: own })));
  }
  return plans;
}

/** Of actors that put their key in order themselves: what was handled since is what the letter waited for. */
const ORDERED_BY_ACTOR: ReadonlySet<string> = new Set(['SEQUENCE_GAP', 'CAUSE_MISSING']);

function homeOf({ error, key, partition }: Letter, partitions: number): number {
  const isMisplaced = error === 'WRONG_PARTITION' && key !== null;
  return isMisplaced ? partitionOf(Buffer.from(key), partitions) : partition;
}

interface TaskLetters {
  readonly partition: number;
  /** Of partitions. */
  readonly length: number;
  readonly letters: readonly Letter[];
}

async function planTask(
  session: LogSession,
  topology: Topology,
  of: TaskLetters,
): Promise<readonly RedrivePlan[]> {
  const { application } = topology;
  const { partition, letters } = of;
  const passed = new Set<string>();
  const journal = await foldJournal(
    session,
    { application, partition },
    {
      after: ({ batch, isValid }) => {
        if (isValid) for (const letter of letters) notePassed(letter, batch, passed);
      },
    },
  );
  return runLetters(session, topology, { ...of, journal, passed });
}

/** Notes a letter whose key is handled in a batch that does not set the letter aside, and comes after that one. */
function notePassed(letter: Letter, batch: Batch, passed: Set<string>): void {
  const { id, key, event_id: eventId, topic } = letter;
  const original = letter.headers['x-original-offset'];
  const isLetter = (emit: JournaledEmit): boolean =>
    emit.topic === topic &&
    (emit.headers[HEADER.eventId] ?? null) === eventId &&
    emit.headers['x-original-offset'] === original;
  const at = batch.emits.findIndex(isLetter);
  if (at !== -1) passed.delete(id);
  const failed = letter.headers[HEADER.actor];
  const own = batch.inputs.findLast(
    ({ kind, actor, ...input }) =>
      input.key === key && kind !== 'command' && actor !== null && actor === (failed ?? actor),
  );
  if (own === undefined) return;
  if (at === -1 || own.event_id !== eventId) passed.add(id);
}

async function runLetters(
  session: LogSession,
  topology: Topology,
  of: TaskLetters & { readonly journal: JournalReader; readonly passed: ReadonlySet<string> },
): Promise<readonly RedrivePlan[]> {
  const { letters, journal, passed, partition, length } = of;
  const { state } = journal;
  const { codec } = session;
  const records = new RecordSource(session);
  const plans: RedrivePlan[] = [];
  for (const letter of letters) {
    const movedPast = passed.has(letter.id) && !ORDERED_BY_ACTOR.has(letter.error);
    const record = await records.at(letter.topic, letter.partition, letter.offset);
    const none = { letter, partition, movedPast, states: [], emits: [], error: null };
    if (record === null) {
      plans.push({ ...none, outcome: 'gone' });
      continue;
    }
    const key = letter.key ?? '';
    const before = new Map(
      topology.actors.map(({ name }) => [name, state.states.get(name)?.get(key)?.json ?? null]),
    );
    const task = new Task({
      topology,
      codec,
      state,
      partition,
      fuse: topology.deployment === 'fused',
      clock: () => state.time,
      partitionOf: (bytes) => partitionOf(bytes, length),
    });
    const topic = topology.redrive;
    const offset = state.positions.get(topic)?.offset ?? 0;
    const headers = redriveHeaders(letter, record.headers);
    task.take({ ...record, topic, partition, offset, headers });
    const batch = task.seal(0);
    for (const { value } of batch?.emits ?? []) await learn(codec, value);
    plans.push({ ...none, ...outcomeOf(batch, before, session) });
  }
  return plans;
}

/** What a redriven record carries: what it came with, without what its last way through the system left on it. */
export function redriveHeaders(
  { id }: Pick<Letter, 'id'>,
  headers: FetchedRecord['headers'],
): Readonly<Record<string, string>> {
  const kept = Object.entries(headers).filter(
    ([name]) => !DROPPED.has(name) && !name.startsWith('x-error'),
  );
  return { ...Object.fromEntries(kept), [HEADER.redrivenFrom]: id };
}

const DROPPED: ReadonlySet<string> = new Set([HEADER.origin, HEADER.fused, 'attempt', 'x-retry']);

function outcomeOf(
  batch: Batch | null,
  before: ReadonlyMap<string, string | null>,
  { codec }: LogSession,
): Pick<RedrivePlan, 'outcome' | 'error' | 'states' | 'emits'> {
  if (batch === null) return { outcome: 'nothing', error: null, states: [], emits: [] };
  const dead = batch.emits.find(({ headers }) => headers['x-error'] !== undefined);
  const parked = batch.parked[0];
  const states = batch.states.map(({ actor, key, value }) => ({
    actor,
    key,
    before: parsed(before.get(actor) ?? null),
    after: parsed(value),
  }));
  const emits = batch.emits
    .filter((emit) => emit !== dead)
    .map(({ topic, headers, key, value }) => ({
      topic,
      type: headers[HEADER.eventType] ?? null,
      key: Buffer.from(key ?? []).toString('utf8'),
      payload: payloadOf(value, codec),
    }));
  if (dead !== undefined) {
    const { 'x-error': code, 'x-error-message': reason } = dead.headers;
    return { outcome: 'dead letter again', error: `${code}: ${reason ?? ''}`, states, emits };
  }
  if (parked !== undefined)
    return { outcome: 'parked', error: `${parked.code}: ${parked.reason}`, states, emits };
  return { outcome: batch.inputs.length > 0 ? 'handled' : 'nothing', error: null, states, emits };
}

/** What an event or a read model says; what does not decode as base64. */
export function payloadOf(value: Uint8Array | null, codec: LogSession['codec']): unknown {
  if (value === null) return null;
  try {
    const { value: content } = codec.decode(value);
    return (content as Partial<EventRecord>).payload ?? content;
  } catch {
    return Buffer.from(value).toString('base64');
  }
}

function parsed(json: string | null): unknown {
  return json === null ? null : JSON.parse(json);
}
