import { CodecError } from '../../engine/codec.ts';
import { type EventRecord, HEADER } from '../../engine/event.ts';
import { isAfter } from '../../engine/journal-reader.ts';
import { originOf } from '../../engine/origin.ts';
import { markKey } from '../../engine/task-state.ts';
import type { FetchedRecord } from '../../kafka/client.ts';
import type { Findings } from './findings.ts';
import type { JournalFacts } from './journal-facts.ts';
import { type Bounds, decodeValue, type LogView, readPartition } from './log-view.ts';

export interface SourceCheckOptions {
  readonly view: LogView;
  readonly topic: string;
  readonly partition: number;
  /** Of the source, looked up after the journal was read. */
  readonly bounds: Bounds;
  readonly facts: JournalFacts;
  readonly findings: Findings;
  /** Nothing runs any more: what is not handled is lost, and not about to be. */
  readonly settled: boolean;
}

/**
 * Holds one source partition against the journal: every record is handled by everybody it is for, or there is a
 * reason why not, and the journal names no record that is not there. Answers how many still wait.
 */
export async function checkSource(options: SourceCheckOptions): Promise<number> {
  const check = new SourceCheck(options);
  await check.run();
  return check.pending;
}

class SourceCheck {
  readonly #in: SourceCheckOptions;
  readonly #marks = new Map<string, readonly [n: number, index: number]>();
  readonly #found = new Set<number>();
  /** Dead letters that came back and were handled. */
  readonly #letters = new Set<string>();
  readonly #position: number;
  pending = 0;

  constructor(options: SourceCheckOptions) {
    this.#in = options;
    this.#position = options.facts.journal.state.positions.get(options.topic)?.offset ?? 0;
  }

  async run(): Promise<void> {
    const { view, topic, partition, bounds, facts } = this.#in;
    if (this.#position > bounds.end)
      this.#find('lost', bounds.end, `the journal says that ${this.#position} were read`);
    const base = facts.basePositions.get(topic) ?? 0;
    const start = Math.max(bounds.start, base);
    const place = { topic, partition, start, end: bounds.end };
    await readPartition(view, place, (record) => this.#take(record));
    for (const [offset, { eventId }] of facts.handled.get(topic) ?? [])
      if (offset >= start && !this.#found.has(offset))
        this.#find('torn', offset, `event ${eventId} was handled, and no such record stands there`);
  }

  async #take(record: FetchedRecord): Promise<void> {
    const { facts, topic, partition } = this.#in;
    const { offset } = record;
    this.#found.add(offset);
    const handled = facts.handled.get(topic)?.get(offset);
    const letter = record.headers[HEADER.redrivenFrom];
    if (letter !== undefined && handled !== undefined) {
      if (this.#letters.has(letter))
        this.#find('duplicate', offset, `dead letter ${letter} was handled again`);
      this.#letters.add(letter);
    }
    if (!this.#isNew(record)) return;
    if (facts.deadLettered.has(`${topic}/${partition}/${offset}`)) return;
    const due = await this.#due(record);
    if (due === null) return;
    if (handled !== undefined && handled.eventId !== due.eventId)
      this.#find(
        'torn',
        offset,
        `event ${due.eventId} stands where ${handled.eventId} was handled`,
      );
    const wasKnown = facts.wasKnown(topic, due.key, due.eventId, record.headers);
    for (const actor of due.actors)
      if (!facts.accounted.has(`${actor}|${due.key}|${due.eventId}`) && !wasKnown)
        this.#missing(offset, `event ${due.eventId} of key ${due.key} was not handled by ${actor}`);
  }

  /** What stands twice is known by its origin (J7a). */
  #isNew({ headers }: FetchedRecord): boolean {
    const origin = originOf(headers);
    if (origin === null) return true;
    const { facts, topic } = this.#in;
    const from = markKey(topic, origin.application, origin.task);
    const base = facts.baseMarks.get(from);
    const [n, index] = this.#marks.get(from) ?? [base?.n ?? -1, base?.index ?? -1];
    if (!isAfter(origin.n, origin.index, n, index)) return false;
    this.#marks.set(from, [origin.n, origin.index]);
    return true;
  }

  /** Who has to handle a record; null: nobody. */
  async #due(record: FetchedRecord) {
    const { view, partition, facts } = this.#in;
    const { topology, codec } = view;
    const { headers, value, offset } = record;
    const named = headers[HEADER.eventType];
    if (named !== undefined && !topology.consumers.has(named) && !topology.referenceOf.has(named))
      return null;
    const fused = fusedActors(record, topology.application, partition);
    if (named !== undefined && this.#waiting(named, fused).length === 0) return null;
    if (value === null || record.key === null) {
      this.#missing(offset, 'a record without key or value is no dead letter');
      return null;
    }
    try {
      const { record: name, value: decoded } = await decodeValue(codec, value);
      if (!topology.eventsByRecord.has(name)) return null;
      const { envelope } = decoded as EventRecord;
      const actors = this.#waiting(envelope.event_type, fused);
      const key = Buffer.from(record.key).toString();
      return { eventId: envelope.event_id, key, actors };
    } catch (error) {
      if (!(error instanceof CodecError) || error.code === 'REGISTRY_AWAY') throw error;
      if (!facts.deadLettered.has(`${this.#in.topic}/${partition}/${offset}`))
        this.#missing(offset, 'a record that cannot be decoded is no dead letter');
      return null;
    }
  }

  #waiting(type: string, fused: ReadonlySet<string>): readonly string[] {
    const consumers = this.#in.view.topology.consumers.get(type) ?? [];
    return consumers.map(({ name }) => name).filter((name) => !fused.has(name));
  }

  #missing(offset: number, what: string): void {
    if (offset >= this.#position && !this.#in.settled) this.pending += 1;
    else this.#find('lost', offset, what);
  }

  #find(kind: 'lost' | 'torn' | 'duplicate', offset: number, what: string): void {
    const { topic, partition, findings } = this.#in;
    findings.add(kind, `${topic}/${partition}/${offset}`, what);
  }
}

/** Actors that have handled a record of their own task before it was published (J6). */
function fusedActors(
  { headers }: FetchedRecord,
  application: string,
  task: number,
): ReadonlySet<string> {
  const origin = originOf(headers);
  if (origin?.application !== application || origin.task !== task) return new Set();
  const own = `${application}/`;
  const ids = headers[HEADER.fused]?.split(',').filter((id) => id.startsWith(own)) ?? [];
  return new Set(ids.map((id) => id.slice(own.length)));
}
