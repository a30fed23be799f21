import { isoMicros } from '../../avro/index.ts';
import type { EffectResult } from '../../engine/actor.ts';
import { resultIdOf } from '../../engine/effect-attempt.ts';
import { HEADER, type Headers, type Micros } from '../../engine/event.ts';
import type { Batch, Input } from '../../engine/journal.ts';
import { firingId } from '../../engine/message.ts';
import { parkedKey, type TaskState } from '../../engine/task-state.ts';
import { type FoldedBatch, foldJournal } from '../log/journal-fold.ts';
import type { LogSession } from '../log/log-session.ts';
import { tasksOf } from './correlation.ts';
import type { Handling, StateSeen } from './explanation.ts';

/** What the journals say of some events. */
export interface Journaled {
  readonly handlings: ReadonlyMap<string, readonly Handling[]>;
  /** Emits of the correlation that stand in a journal, by event id: also those that never reached their topic. */
  readonly emits: ReadonlyMap<string, Headers>;
  /** Application and source partition → offset of the next record to handle: `application|topic/partition`. */
  readonly positions: ReadonlyMap<string, number>;
  /** Places that were handled as inputs: `application|topic/partition/offset`. */
  readonly taken: ReadonlySet<string>;
}

export interface JournaledOf {
  readonly correlationId: string;
  /** Events on the topics. */
  readonly eventIds: ReadonlySet<string>;
  /** Those in which the events stand; empty: all. */
  readonly partitions: ReadonlySet<number>;
}

/** Folds every journal that may hold one of these events and notes what handled them. */
export async function journaled(session: LogSession, of: JournaledOf): Promise<Journaled> {
  const { correlationId, partitions } = of;
  const eventIds = new Set(of.eventIds);
  const handlings = new Map<string, Handling[]>();
  const emits = new Map<string, Headers>();
  const positions = new Map<string, number>();
  const taken = new Set<string>();
  for (const task of await tasksOf(session)) {
    if (partitions.size > 0 && !partitions.has(task.partition)) continue;
    const { application, partition } = task;
    const isOurs = inputsOf(eventIds);
    const before = new Map<string, StateSeen | null>();
    const journal = await foldJournal(session, task, {
      before: (batch, state) => {
        before.clear();
        for (const { headers } of batch.emits)
          if (headers[HEADER.correlationId] === correlationId)
            eventIds.add(headers[HEADER.eventId] ?? '');
        for (const input of batch.inputs)
          if (isOurs(input) !== null) before.set(stateKey(input), stateOf(state, input));
      },
      after: (folded, state) => {
        for (const [index, input] of folded.batch.inputs.entries()) {
          const eventId = isOurs(input);
          if (eventId === null || input.actor === null) continue;
          if (folded.isValid && input.topic !== null)
            taken.add(`${application}|${input.topic}/${input.partition}/${input.offset}`);
          const list = handlings.get(eventId) ?? [];
          handlings.set(eventId, list);
          list.push({
            application,
            task: partition,
            ...handlingOf(folded, { index, input, state }),
            ...statesOf(folded, input, before.get(stateKey(input)) ?? null, state),
          });
        }
        for (const { topic, headers } of folded.isValid ? folded.batch.emits : [])
          if (headers[HEADER.correlationId] === correlationId && !isAside(topic, headers))
            emits.set(headers[HEADER.eventId] ?? '', headers);
      },
    });
    for (const { topic, offset } of journal.state.positions.values())
      positions.set(`${application}|${topic}/${partition}`, offset);
  }
  return { handlings, emits, positions, taken };
}

/** Dead letters and notices of the ladder are the event itself once more. */
function isAside(topic: string, headers: Headers): boolean {
  return topic.startsWith('dlq.') || headers['x-retry'] !== undefined;
}

/** The event an input belongs to, if it is one of ours: a result or a firing belongs to what asked for it. */
function inputsOf(eventIds: ReadonlySet<string>): (input: Input) => string | null {
  return (input) => {
    if (eventIds.has(input.event_id)) return input.event_id;
    if (input.data === null) return null;
    if (input.kind === 'timer') return setterOf(input, input.data, eventIds);
    if (input.kind !== 'effect') return null;
    const result = JSON.parse(input.data) as EffectResult;
    for (const cause of eventIds)
      if (resultIdOf(cause, input.actor ?? '', result) === input.event_id) return cause;
    return null;
  };
}

function setterOf(
  { actor, event_id: id }: Input,
  data: string,
  eventIds: ReadonlySet<string>,
): string | null {
  const timer = JSON.parse(data) as { readonly name: string; readonly due: Micros };
  for (const cause of eventIds) if (firingId(cause, actor ?? '', timer) === id) return cause;
  return null;
}

function handlingOf(
  { offset, batch, isValid, fence }: FoldedBatch,
  {
    index,
    input,
    state,
  }: { readonly index: number; readonly input: Input; readonly state: TaskState },
) {
  const parked = parkedIn(batch, input) ?? triedIn(batch, input, state);
  const verdict: Handling['verdict'] = !isValid ? 'void' : parked === null ? 'stands' : 'parked';
  return {
    journal: { offset, n: batch.n, index },
    kind: kindOf(input),
    actor: input.actor ?? '',
    key: input.key,
    time: isoMicros(input.time),
    owner:
      fence === null
        ? null
        : {
            fence: fence.offset,
            member: fence.fence.member,
            host: fence.fence.host,
            generation: fence.fence.generation,
            deployment: fence.fence.deployment,
            edges: fence.fence.edges_hash.slice(0, 12),
            code: fence.fence.code_version ?? '',
            topology: (fence.fence.topology_hash ?? '').slice(0, 12),
          },
    verdict,
    parked,
    references: input.references.map(
      ({ name, id, version }) => `${name}/${id}@${version ?? 'none'}`,
    ),
  };
}

function kindOf({ kind, data, ...input }: Input): string {
  if (kind === 'effect') return `result of ${effectOf({ kind, data, ...input })}`;
  if (kind === 'timer')
    return `timer ${(JSON.parse(data ?? '{}') as { name?: string }).name ?? ''}`;
  return kind;
}

function effectOf(input: Input): string {
  const { id, ok, code } = JSON.parse(input.data ?? '{}') as {
    readonly id?: string;
    readonly ok?: boolean;
    readonly code?: string;
  };
  return `effect ${id ?? ''}${ok === false ? ` (${code ?? 'failed'})` : ''}`;
}

function parkedIn({ parked }: Batch, { actor, key, event_id }: Input): string | null {
  const own = parked.filter((each) => each.message !== null && each.actor === actor);
  const found = own.find(
    (each) =>
      each.key === key &&
      (JSON.parse(each.message ?? '{}') as { readonly eventId?: string }).eventId === event_id,
  );
  return found === undefined ? null : `${found.code}: ${found.reason}`;
}

/** Why the head of a blocked queue, tried again, is blocked still, or was set aside; null: it was not in vain. */
function triedIn(batch: Batch, input: Input, { parked }: TaskState): string | null {
  if (input.kind !== 'retry') return null;
  const { event_id: id, actor, key } = input;
  const queue = parked.get(parkedKey(actor ?? '', key));
  if (queue?.messages[0]?.eventId === id) return `${queue.code}: ${queue.reason}`;
  const letter = batch.emits.find(
    ({ headers }) => headers[HEADER.eventId] === id && headers[HEADER.actor] === actor,
  );
  const { 'x-error': code, 'x-error-message': reason } = letter?.headers ?? {};
  return code === undefined ? null : `${code}: ${reason ?? ''} It is a dead letter.`;
}

function statesOf(
  { batch, isValid }: FoldedBatch,
  input: Input,
  before: StateSeen | null,
  state: TaskState,
): { readonly before: StateSeen | null; readonly after: StateSeen | null } {
  if (isValid) return { before, after: stateOf(state, input) };
  const change = batch.states.find((each) => each.actor === input.actor && each.key === input.key);
  if (change === undefined) return { before, after: before };
  return { before, after: seen(change.version, change.value) };
}

function stateOf(state: TaskState, { actor, key }: Input): StateSeen | null {
  const stored = actor === null ? undefined : state.states.get(actor)?.get(key);
  return stored === undefined ? null : seen(stored.version, stored.json);
}

function seen(version: number, json: string | null): StateSeen | null {
  return json === null ? null : { version, value: JSON.parse(json) as unknown };
}

function stateKey({ actor, key }: Input): string {
  return parkedKey(actor ?? '', key);
}
