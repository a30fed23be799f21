/** One place where an event stands on a topic, and what became of it in each application that reads it. */
export interface Place {
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
  /** ISO 8601; the record's own timestamp. */
  readonly published: string;
  /** `application/task/n/index` of the journal entry it was published from; null: from outside. */
  readonly origin: string | null;
  /** Set where the same event stands earlier too: published again after a takeover, or sent twice from outside. */
  readonly copy: 'republished' | 'sent twice' | null;
  readonly outcomes: readonly Outcome[];
}

/** What an application decided about one record. */
export interface Outcome {
  readonly application: string;
  readonly decision:
    'handled' | 'handled in the chain' | 'skipped as a copy' | 'waiting' | 'passed by';
}

/** An actor that took the event, as a journal has it. */
export interface Handling {
  readonly application: string;
  readonly task: number;
  /** Journal offset, number of the batch, and the input's place in it. */
  readonly journal: { readonly offset: number; readonly n: number; readonly index: number };
  readonly kind: string;
  readonly actor: string;
  readonly key: string;
  readonly time: string;
  /** Who owned the task, and by which graph. */
  readonly owner: {
    readonly fence: number;
    readonly member: string;
    readonly host: string;
    readonly generation: number;
    readonly deployment: string;
    readonly edges: string;
    /** Version of the handlers' package, and the beginning of the graph's hash; empty: written before fences told it. */
    readonly code: string;
    readonly topology: string;
  } | null;
  /** Void: written by an owner that was fenced meanwhile, so nothing of it stands. */
  readonly verdict: 'stands' | 'void' | 'parked';
  /** Why the key is parked; null where it is not. */
  readonly parked: string | null;
  readonly references: readonly string[];
  readonly before: StateSeen | null;
  /** After the whole batch: one that handled the key more than once keeps the last state only. */
  readonly after: StateSeen | null;
}

export interface StateSeen {
  /** Version of the state's shape that the handler knew. */
  readonly version: number;
  readonly value: unknown;
}

export interface ExplainedEvent {
  readonly event_id: string;
  readonly type: string;
  readonly relation: 'cause' | 'asked for' | 'effect';
  readonly sequence: number | null;
  readonly causation_id: string | null;
  /** ISO 8601, six decimals; null where the record does not decode. */
  readonly occurred: string | null;
  /** Milliseconds since its cause occurred; null for the first. */
  readonly hop_ms: number | null;
  /** Empty: journaled, and not on its topic yet. */
  readonly places: readonly Place[];
  readonly handlings: readonly Handling[];
  /** The error of a dead letter; null where there is none. */
  readonly dead_letter: string | null;
}

export interface Explanation {
  readonly event_id: string;
  readonly correlation_id: string;
  /** Causes first, then the event, then its effects; each group by time. */
  readonly events: readonly ExplainedEvent[];
  /** Events of the correlation that are neither causes nor effects. */
  readonly others: number;
  readonly first_to_last_ms: number | null;
}
