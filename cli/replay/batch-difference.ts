import type { Actor } from '../../engine/actor.ts';
import type { Codec } from '../../engine/codec.ts';
import { derivedEventId } from '../../engine/derived-id.ts';
import type { EventRecord } from '../../engine/event.ts';
import { HEADER } from '../../engine/event.ts';
import type { Batch, JournaledEmit, StateChange } from '../../engine/journal.ts';
import { LIMITS } from '../../engine/limits.ts';
import type { StoredState } from '../../engine/task-state.ts';
import type { Topology } from '../../engine/topology.ts';

export type DifferenceKind = 'state' | 'emits' | 'effects' | 'parked' | 'timers';

/** What today's code would have done otherwise than the journal says, for one actor and key in one batch. */
export interface Difference {
  readonly n: number;
  readonly actor: string;
  readonly key: string;
  readonly what: DifferenceKind;
  readonly was: unknown;
  readonly would: unknown;
}

export interface Comparison {
  readonly topology: Topology;
  readonly codec: Codec;
  readonly recorded: Batch;
  readonly today: Batch;
  /** State of an actor and key before the batch. */
  before(actor: string, key: string): StoredState | undefined;
}

/** Every difference between a recorded batch and what today's code makes of its inputs. */
export function differencesOf(comparison: Comparison): readonly Difference[] {
  return [
    ...stateDifferences(comparison),
    ...emitDifferences(comparison),
    ...changeDifferences(comparison, 'effects', ({ effects }) =>
      effects.map(({ actor, key, id, request }) => ({ actor, key, value: [id, request] })),
    ),
    ...changeDifferences(comparison, 'parked', ({ parked }) =>
      parked.map(({ actor, key, act, code, attempt }) => ({
        actor,
        key,
        value: [act, code, attempt],
      })),
    ),
    ...changeDifferences(comparison, 'timers', ({ timers }) =>
      timers.map(({ actor, key, name, due }) => ({ actor, key, value: [name, due] })),
    ),
  ];
}

function stateDifferences(comparison: Comparison): Difference[] {
  const { topology, recorded, today, before } = comparison;
  const known = new Map(topology.actors.map((each) => [each.name, each]));
  const was = byPlace(recorded.states);
  const would = byPlace(today.states);
  return [...new Set([...was.keys(), ...would.keys()])].flatMap((place) => {
    const { actor, key } = (was.get(place) ?? would.get(place)) as StateChange;
    const stored = before(actor, key);
    const unchanged = stored === undefined ? null : { version: stored.version, value: stored.json };
    const old = asToday(known.get(actor), was.get(place) ?? unchanged);
    const next = asToday(known.get(actor), would.get(place) ?? unchanged);
    if (old === next) return [];
    return [{ n: recorded.n, actor, key, what: 'state', was: parsed(old), would: parsed(next) }];
  });
}

/** JSON of a state in today's shape: one journaled by an older version is brought up to it first. */
function asToday(
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- states differ per actor
  actor: Actor<any> | undefined,
  state: Pick<StateChange, 'version' | 'value'> | null,
): string | null {
  const json = state?.value ?? null;
  if (json === null || state === null || actor === undefined) return json;
  const { version, upcast } = actor.state;
  if (state.version >= version || upcast === undefined) return json;
  return JSON.stringify(upcast(state.version, JSON.parse(json)));
}

function emitDifferences({ topology, codec, recorded, today }: Comparison): Difference[] {
  // Records that could not be handled at all are no inputs, so today's code was not asked about them.
  const handled = recorded.emits.filter(
    ({ headers }) =>
      headers['x-original-offset'] === undefined || headers[HEADER.actor] !== undefined,
  );
  const was = Map.groupBy(handled, keyOf);
  const would = Map.groupBy(today.emits, keyOf);
  return [...new Set([...was.keys(), ...would.keys()])].flatMap((key) => {
    const old = (was.get(key) ?? []).map((emit) => ({ emit, text: textOf(emit, codec) }));
    const next = (would.get(key) ?? []).map((emit) => ({ emit, text: textOf(emit, codec) }));
    const same = old.length === next.length && old.every(({ text }, at) => text === next[at]?.text);
    if (same) return [];
    const oldTexts = new Set(old.map(({ text }) => text));
    const nextTexts = new Set(next.map(({ text }) => text));
    const gone = old.filter(({ text }) => !nextTexts.has(text));
    const come = next.filter(({ text }) => !oldTexts.has(text));
    const actor = actorOf(topology, recorded, gone[0]?.emit ?? come[0]?.emit);
    const shown = (emits: typeof old) => emits.map(({ text }) => JSON.parse(text) as unknown);
    // The same records in another order differ as a whole.
    const [before, after] = gone.length + come.length === 0 ? [old, next] : [gone, come];
    return [{ n: recorded.n, actor, key, what: 'emits', was: shown(before), would: shown(after) }];
  });
}

/** An emit as its readers see it: where it stands in the journal left out. */
function textOf({ topic, partition, value, headers }: JournaledEmit, codec: Codec): string {
  const { [HEADER.origin]: _origin, ...rest } = headers;
  const sorted = Object.fromEntries(Object.entries(rest).sort());
  return JSON.stringify({ topic, partition, headers: sorted, value: decoded(value, codec) });
}

function decoded(value: Uint8Array | null, codec: Codec): unknown {
  if (value === null) return null;
  try {
    const { value: content } = codec.decode(value);
    return (content as Partial<EventRecord>).payload ?? content;
  } catch {
    return Buffer.from(value).toString('base64');
  }
}

/** Which actor emitted something: its id descends from the input's, the actor's name and its place. */
function actorOf(topology: Topology, { inputs }: Batch, emit: JournaledEmit | undefined): string {
  if (emit === undefined) return '';
  const { headers, topic } = emit;
  const eventId = headers[HEADER.eventId];
  const type = headers[HEADER.eventType] ?? topic;
  const setAside = headers[HEADER.actor];
  if (setAside !== undefined) return setAside;
  const makers = topology.actors.filter(({ emits }) => emits.includes(type));
  if (makers.length === 1 || eventId === undefined) return makers[0]?.name ?? '';
  const family = topology.events.get(type)?.family ?? 'SYSTEM';
  const sequence = headers[HEADER.sequence] === undefined ? null : Number(headers[HEADER.sequence]);
  for (const { event_id: causeId, actor, time } of inputs)
    for (let index = 1; actor !== null && index <= LIMITS.emitsPerInput; index++)
      if (derivedEventId({ causeId, actor, index, family, time, sequence }) === eventId)
        return actor;
  return makers.map(({ name }) => name).join('|');
}

interface Change {
  readonly actor: string;
  readonly key: string;
  readonly value: unknown;
}

function changeDifferences(
  { recorded, today }: Comparison,
  what: DifferenceKind,
  of: (batch: Batch) => readonly Change[],
): Difference[] {
  const was = Map.groupBy(of(recorded), place);
  const would = Map.groupBy(of(today), place);
  return [...new Set([...was.keys(), ...would.keys()])].flatMap((at) => {
    const [old, next] = [was.get(at) ?? [], would.get(at) ?? []].map((list) =>
      list.map(({ value }) => value),
    );
    if (JSON.stringify(old) === JSON.stringify(next)) return [];
    const { actor, key } = (was.get(at) ?? would.get(at) ?? [])[0] as Change;
    return [{ n: recorded.n, actor, key, what, was: old, would: next }];
  });
}

function byPlace(changes: readonly StateChange[]): ReadonlyMap<string, StateChange> {
  return new Map(changes.map((change) => [place(change), change]));
}

function place({ actor, key }: { readonly actor: string; readonly key: string }): string {
  return `${actor}|${key}`;
}

function keyOf({ key }: JournaledEmit): string {
  return Buffer.from(key ?? []).toString();
}

function parsed(json: string | null): unknown {
  return json === null ? null : JSON.parse(json);
}
