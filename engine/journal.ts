import { PlacedSeen, PlacedStates } from './byte-rows.ts';
import type { LeftOut } from './codec.ts';
import type { Headers, Micros } from './event.ts';

/*
 * The records of `<application>.journal`, spelled as in their Avro schemas
 * (avro/schemas/journal/*.avsc). Partition p belongs to task p. Source: docs/protocol.md, J1-J8.
 */

/** Opens a term. It is named by the offset at which it stands (J2). */
export interface Fence {
  readonly application: string;
  readonly task: number;
  /** Group member that wrote it, with its host and the generation it was assigned in. */
  readonly member: string;
  readonly host: string;
  readonly generation: number;
  readonly deployment: 'fused' | 'split';
  /** Hash of the fused edges in force from here on, or `draining` while a changed graph drains (J6). */
  readonly edges_hash: string;
  readonly time: Micros;
  /** Of the package that the handlers came from, and of the graph they were wired into; absent or empty: not told. */
  readonly code_version?: string;
  readonly topology_hash?: string;
}

/** `edges_hash` of a term that handles every emit when it comes back. */
export const DRAINING = 'draining';

export interface Position {
  readonly topic: string;
  readonly topic_id: string;
  readonly partition: number;
  readonly leader_epoch: number;
  /** Offset of the next record to handle. */
  readonly offset: number;
}

/** Highest (n, index) taken from one origin in one source partition (J7a). */
export interface Mark {
  readonly topic: string;
  readonly partition: number;
  readonly application: string;
  readonly task: number;
  readonly n: number;
  readonly index: number;
}

/** Sequences taken from one incarnation of a producer in one source partition (J7a). */
export interface ProducerMark {
  readonly topic: string;
  /** `id/incarnation`. */
  readonly producer: string;
  /** Ranges in order, each as its first and its last sequence. */
  readonly held: readonly number[];
  /** When the first gap opened; null when there is none, or it has been reported. */
  readonly gap_since: Micros | null;
}

export interface ReferenceRead {
  readonly name: string;
  readonly id: string;
  /** event_id of the message that brought the value; null when there was none. */
  readonly version: string | null;
}

/** `retry`: the head of a blocked queue; `command`: an operator's, from the control topic. */
export type InputKind = 'record' | 'chain' | 'timer' | 'effect' | 'command' | 'retry';

/** One message handled in the batch, in order. `topic` and what follows it are null unless kind is record or command. */
export interface Input {
  readonly kind: InputKind;
  readonly actor: string | null;
  readonly key: string;
  readonly event_id: string;
  readonly topic: string | null;
  readonly partition: number | null;
  readonly offset: number | null;
  readonly references: readonly ReferenceRead[];
  /** JSON of what stands on no topic: an effect's result, a timer's name. */
  readonly data: string | null;
  /** Logical time at which it was handled. */
  readonly time: Micros;
}

export interface StateChange {
  readonly actor: string;
  readonly key: string;
  readonly version: number;
  /** JSON; null: deleted. */
  readonly value: string | null;
}

export interface JournaledEmit {
  readonly index: number;
  readonly topic: string;
  readonly partition: number;
  readonly key: Uint8Array | null;
  readonly value: Uint8Array | null;
  readonly headers: Headers;
}

/** Before it has its place in a batch. */
export type UnplacedEmit = Omit<JournaledEmit, 'index'>;

/** Which emit of its batch it is, and where it goes: all that says whether it stands there already. */
export type PlacedEmit = Pick<JournaledEmit, 'index' | 'topic' | 'partition'>;

export interface Seen {
  readonly key: string;
  readonly event_id: string;
}

/** All event ids of a key, oldest first, in place of what was known. */
export interface SeenSet {
  readonly key: string;
  readonly event_ids: readonly string[];
}

/** Says that a batch holds nothing new: it puts live records again behind an anchor (J9). */
export interface Again {
  /** Offset of the anchor, and its time. */
  readonly anchor: number;
  readonly time: Micros;
  /** All are put again now: the log may begin at that anchor. */
  readonly is_last: boolean;
}

/** Set (due not null) or cancelled (due null). */
export interface TimerChange {
  readonly actor: string;
  readonly key: string;
  readonly name: string;
  readonly due: Micros | null;
  /** JSON of what it was set by and for; empty when it is cancelled or has fired. */
  readonly setter: string;
}

/**
 * push: a message goes behind a blocked (actor, key); shift: the head is taken away; wait: when it is tried again; anew:
 * the queue, whatever was known of it, begins with this message.
 */
export type ParkedAct = 'push' | 'shift' | 'wait' | 'anew';

/** A change of the queue of a blocked (actor, key). */
export interface ParkedChange {
  readonly actor: string;
  readonly key: string;
  readonly act: ParkedAct;
  readonly code: string;
  readonly reason: string;
  /** JSON of the pushed message. */
  readonly message: string | null;
  /** How often the head has been handled in vain. */
  readonly attempt: number;
  /** When the head is handled again; null: when an operator says so. */
  readonly due: Micros | null;
}

/** An effect asked for (`request` JSON) or settled (null). */
export interface EffectChange {
  readonly actor: string;
  readonly key: string;
  readonly id: string;
  readonly request: string | null;
}

export interface ReferenceChange {
  readonly name: string;
  readonly id: string;
  readonly version: string;
  /** JSON; null: removed. */
  readonly value: string | null;
}

/**
 * Every emit of this task to that output partition up to (n, index) is acknowledged and stands below
 * `offset` (J5).
 */
export interface Watermark {
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
  readonly n: number;
  readonly index: number;
}

/** Name of an output partition: what watermarks, tails and publish requests are per. */
export function outputOf(place: { readonly topic: string; readonly partition: number }): string {
  return `${place.topic}/${place.partition}`;
}

/** Emits by their output partition (`outputOf`), each in their order. */
export function byOutput(emits: readonly PlacedEmit[]): Map<string, PlacedEmit[]> {
  const outputs = new Map<string, PlacedEmit[]>();
  let last: PlacedEmit | undefined;
  let own: PlacedEmit[] = [];
  for (const emit of emits) {
    // Mostly the next one goes where the last one went, and a name need not be made for it.
    if (emit.topic !== last?.topic || emit.partition !== last.partition) {
      const output = outputOf(emit);
      own = outputs.get(output) ?? [];
      outputs.set(output, own);
    }
    own.push(emit);
    last = emit;
  }
  return outputs;
}

/** Everything one step of a task added. Valid iff `fence` and `n` follow from the log before it (J2). */
export interface Batch {
  readonly fence: number;
  readonly n: number;
  readonly time: Micros;
  readonly inputs: readonly Input[];
  readonly positions: readonly Position[];
  readonly marks: readonly Mark[];
  readonly producers: readonly ProducerMark[];
  readonly states: readonly StateChange[];
  readonly emits: readonly JournaledEmit[];
  readonly seen: readonly Seen[];
  readonly timers: readonly TimerChange[];
  readonly parked: readonly ParkedChange[];
  readonly effects: readonly EffectChange[];
  readonly references: readonly ReferenceChange[];
  readonly watermarks: readonly Watermark[];
  readonly seen_sets: readonly SeenSet[];
  readonly again: Again | null;
}

/** What a batch does to its task's state, and where its emits went. */
export interface BatchChanges extends Omit<Batch, 'inputs' | 'emits' | 'states' | 'seen'> {
  readonly emits: readonly PlacedEmit[];
  readonly states: Items<StateChange>;
  readonly seen: Items<Seen>;
}

/** An array, or what gives the same when it is asked. */
export interface Items<Item> extends Iterable<Item> {
  readonly length: number;
}

/** What a log that has been cleaned begins with (J9). */
export interface Anchor {
  readonly application: string;
  readonly task: number;
  readonly fence: number;
  readonly n: number;
  readonly time: Micros;
  readonly deployment: 'fused' | 'split';
  readonly edges_hash: string;
  readonly positions: readonly Position[];
  readonly marks: readonly Mark[];
  readonly producers: readonly ProducerMark[];
  readonly watermarks: readonly Watermark[];
}

export type JournalEntry =
  | { readonly kind: 'fence'; readonly fence: Fence }
  | { readonly kind: 'batch'; readonly batch: Batch }
  | { readonly kind: 'anchor'; readonly anchor: Anchor };

/** An entry as far as a state is rebuilt from it; a whole entry is one, too. */
export type RestoredEntry =
  | Exclude<JournalEntry, { readonly kind: 'batch' }>
  | { readonly kind: 'batch'; readonly batch: BatchChanges };

/** Avro record names of the entries. */
export const JOURNAL_RECORD = {
  fence: 'millrace.journal.v1.Fence',
  batch: 'millrace.journal.v1.Batch',
  anchor: 'millrace.journal.v1.Anchor',
} as const;

/** What a batch holds besides its BatchChanges: most of its bytes. */
export const BESIDES_CHANGES: LeftOut = {
  record: JOURNAL_RECORD.batch,
  fields: ['inputs', 'emits.key', 'emits.value', 'emits.headers'],
  placed: {
    states: (bytes, length) => new PlacedStates(bytes, length),
    seen: (bytes, length) => new PlacedSeen(bytes, length),
  },
};
