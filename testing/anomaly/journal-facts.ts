import {
  type Anchor,
  type Batch,
  type Input,
  type Mark,
  outputOf,
  type Watermark,
} from '../../engine/journal.ts';
import { JournalReader } from '../../engine/journal-reader.ts';
import { letterOf } from '../../engine/dedupe.ts';
import { producerOf, takeSequence } from '../../engine/producer-marks.ts';
import { effectKey, markKey, producerKey } from '../../engine/task-state.ts';
import { HEADER, type Headers } from '../../engine/event.ts';
import { decodeEntry } from '../../kafka/journal-log.ts';
import type { EmitLedger } from './emit-ledger.ts';
import type { Findings } from './findings.ts';
import { type Bounds, type LogView, readPartition } from './log-view.ts';

/** One record of a source as the journal says that it was handled. */
export interface HandledRecord {
  readonly key: string;
  readonly eventId: string;
}

export interface FactsOptions {
  readonly view: LogView;
  readonly partition: number;
  readonly bounds: Bounds;
  readonly findings: Findings;
  readonly ledger: EmitLedger;
  /** End of an output partition when the check began; undefined: no such topic. */
  readonly endOf: (output: string) => number | undefined;
}

/**
 * What one journal partition says: its state by the engine's own reader, and beside it who handled what, in
 * which order. Checks on the way that nothing is handled twice or out of order, and that no batch is missing.
 */
export class JournalFacts {
  readonly journal = new JournalReader();
  /** n that the log's anchor starts from: what lies before cannot be checked. 0: nothing does. */
  baseN = 0;
  /** Source topic → position that the log's anchor starts from. */
  readonly basePositions = new Map<string, number>();
  /** The marks of own records that the log's anchor starts from, as the state has them. */
  readonly baseMarks = new Map<string, Mark>();
  /** Source topic → offset → what was handled there. */
  readonly handled = new Map<string, Map<number, HandledRecord>>();
  /** `actor|key|event id` of everything handled or parked. */
  readonly accounted = new Set<string>();
  /** `topic/partition/offset`. */
  readonly deadLettered = new Set<string>();
  /** Output → newest watermark that does not lie past the end it had when the check began. */
  readonly watermarks = new Map<string, Watermark>();
  fences = 0;
  batches = 0;
  inputs = 0;
  readonly #options: FactsOptions;
  readonly #lastOffsets = new Map<string, number>();
  readonly #positions = new Map<string, number>();
  readonly #once = new Set<string>();
  readonly #openEffects = new Set<string>();

  private constructor(options: FactsOptions) {
    this.#options = options;
  }

  /** Throws: EngineError JOURNAL_UNREADABLE; KafkaError; CodecError REGISTRY_AWAY. */
  static async read(options: FactsOptions): Promise<JournalFacts> {
    const facts = new JournalFacts(options);
    const { view, partition, bounds } = options;
    const place = { topic: view.topology.journal, partition, ...bounds };
    let isFirst = true;
    await readPartition(view, place, async (record) => {
      const entry = await decodeEntry(view.codec, record);
      const { voidBatches } = facts.journal;
      const due = facts.journal.state.n + 1;
      facts.journal.read(record.offset, entry);
      if (entry.kind === 'fence') facts.fences += 1;
      if (isFirst && entry.kind === 'anchor') facts.#startAt(entry.anchor);
      isFirst = false;
      if (entry.kind !== 'batch') return;
      if (facts.journal.voidBatches === voidBatches) facts.#take(entry.batch);
      else facts.#void(entry.batch, due);
    });
    return facts;
  }

  #startAt({ n, positions, marks }: Anchor): void {
    this.baseN = n;
    for (const { topic, offset } of positions) this.basePositions.set(topic, offset);
    for (const mark of marks)
      this.baseMarks.set(markKey(mark.topic, mark.application, mark.task), mark);
  }

  /** Whether a record that no input names is a copy of one that was handled before the log's anchor. */
  wasKnown(topic: string, key: string, eventId: string, headers: Headers): boolean {
    if (this.baseN === 0) return false;
    const { seen, producers, time } = this.journal.state;
    const place = producerOf(headers);
    if (place === null) return seen.get(key)?.has(letterOf(headers) ?? eventId) === true;
    const known = producers.get(producerKey(topic, place.producer));
    return takeSequence(known, topic, place, time).mark === null;
  }

  /** A void batch is harmless, but for one that follows from its own fence and a batch that is not there. */
  #void(batch: Batch, due: number): void {
    if (batch.fence !== this.journal.lastFence?.offset || batch.n <= due) return;
    this.#find('lost', `batch ${due}`, `the next batch under the same fence is ${batch.n}`);
  }

  #take(batch: Batch): void {
    const { ledger, partition } = this.#options;
    this.batches += 1;
    const parked = parkedIn(batch);
    for (const input of batch.inputs) this.#takeInput(batch, input, parked);
    for (const position of batch.positions) {
      const before = this.#positions.get(position.topic) ?? 0;
      if (position.offset < before)
        this.#find(
          'duplicate',
          `batch ${batch.n}`,
          `the position of ${position.topic} goes back from ${before} to ${position.offset}`,
        );
      this.#positions.set(position.topic, position.offset);
    }
    for (const emit of batch.emits) {
      ledger.plan(partition, batch.n, emit);
      const { headers } = emit;
      const { 'x-original-topic': topic, 'x-original-offset': offset } = headers;
      // What an actor set aside was an input like any other.
      if (offset !== undefined && headers[HEADER.actor] === undefined)
        this.deadLettered.add(`${topic}/${headers['x-original-partition']}/${offset}`);
    }
    this.#checkFused(batch);
    this.#takeEffects(batch);
    for (const watermark of batch.watermarks)
      if (watermark.offset <= (this.#options.endOf(outputOf(watermark)) ?? 0))
        this.watermarks.set(outputOf(watermark), watermark);
  }

  #takeInput(batch: Batch, input: Input, parked: ReadonlySet<string>): void {
    const { actor, key, event_id: eventId, kind, topic, offset } = input;
    const id = `${actor}|${key}|${eventId}`;
    this.inputs += 1;
    this.accounted.add(id);
    if (topic !== null && offset !== null) {
      let byOffset = this.handled.get(topic);
      if (byOffset === undefined) this.handled.set(topic, (byOffset = new Map()));
      byOffset.set(offset, { key, eventId });
    }
    if (parked.has(id) || (kind !== 'record' && kind !== 'chain')) return;
    const where = `batch ${batch.n}`;
    // A letter that comes back is handled once more; that each letter is once, its own record says.
    const isAgain = this.#once.has(id) && topic !== this.#options.view.topology.redrive;
    if (isAgain)
      this.#find('duplicate', where, `${actor} handles event ${eventId} of key ${key} again`);
    this.#once.add(id);
    if (topic === null || offset === null) return;
    const last = this.#lastOffsets.get(`${topic}|${key}`) ?? -1;
    if (offset < last)
      this.#find(
        'reordered',
        where,
        `key ${key} of ${topic}: offset ${offset} is handled after ${last}`,
      );
    else this.#lastOffsets.set(`${topic}|${key}`, offset);
  }

  /** J6: whom an emit names as fused has handled it in the batch of the emit. */
  #checkFused(batch: Batch): void {
    const own = `${this.#options.view.topology.application}/`;
    for (const { headers } of batch.emits) {
      const ids = headers[HEADER.fused]?.split(',').filter((id) => id.startsWith(own)) ?? [];
      for (const id of ids) {
        const actor = id.slice(own.length);
        const eventId = headers[HEADER.eventId] ?? '';
        if (this.accounted.has(`${actor}|${headers[HEADER.correlationId] ?? ''}|${eventId}`))
          continue;
        this.#find('lost', `batch ${batch.n}`, `${actor} has not handled fused event ${eventId}`);
      }
    }
  }

  #takeEffects(batch: Batch): void {
    for (const { actor, key, id, request } of batch.effects) {
      const name = effectKey(actor, key, id);
      if (request !== null) this.#openEffects.add(name);
      else if (!this.#openEffects.delete(name) && this.baseN === 0)
        this.#find('duplicate', `batch ${batch.n}`, `effect ${name} is settled again`);
    }
  }

  #find(kind: 'lost' | 'duplicate' | 'reordered', where: string, what: string): void {
    const { view, partition, findings } = this.#options;
    findings.add(kind, `${view.topology.journal}/${partition}, ${where}`, what);
  }
}

/** `actor|key|event id` of what this batch put behind a blocked key: journaled, but not handled. */
function parkedIn(batch: Batch): ReadonlySet<string> {
  const ids = new Set<string>();
  for (const { actor, key, message } of batch.parked) {
    if (message === null) continue;
    const { eventId } = JSON.parse(message) as { readonly eventId: string };
    ids.add(`${actor}|${key}|${eventId}`);
  }
  return ids;
}
