import { HEADER } from '../../engine/event.ts';
import { outputOf } from '../../engine/journal.ts';
import { isAfter } from '../../engine/journal-reader.ts';
import { type Origin, originOf } from '../../engine/origin.ts';
import type { FetchedRecord } from '../../kafka/client.ts';
import { digestOf, type EmitLedger, type PlannedOutput } from './emit-ledger.ts';
import type { Findings } from './findings.ts';
import type { JournalFacts } from './journal-facts.ts';
import { type Bounds, type LogView, readPartition } from './log-view.ts';

export interface OutputCheckOptions {
  readonly view: LogView;
  readonly topic: string;
  readonly partition: number;
  /** Of the output, looked up before the journals were read: what stands there is in them (J1). */
  readonly bounds: Bounds;
  readonly facts: readonly JournalFacts[];
  readonly ledger: EmitLedger;
  readonly findings: Findings;
  readonly settled: boolean;
}

export interface OutputCounts {
  /** Records of the application. */
  readonly records: number;
  /** Of these, how many stand there again: readers drop them by origin. */
  readonly visibleDuplicates: number;
  /** Journaled, and not published yet. */
  readonly pending: number;
}

/**
 * Holds one output partition against the journals: what stands there is journaled, byte for byte and in order,
 * and what must stand there does. Topics of read models may be compacted: of a key only the newest must be there.
 */
export async function checkOutput(options: OutputCheckOptions): Promise<OutputCounts> {
  const check = new OutputCheck(options);
  await check.run();
  return check.counts;
}

/** How far one task has come. */
interface Progress {
  readonly seen: Set<number>;
  next: number;
}

class OutputCheck {
  readonly #in: OutputCheckOptions;
  readonly #progress = new Map<number, Progress>();
  readonly #eventIds = new Set<string>();
  readonly #isReadModel: boolean;
  readonly #isEventTopic: boolean;
  readonly counts = { records: 0, visibleDuplicates: 0, pending: 0 };

  constructor(options: OutputCheckOptions) {
    this.#in = options;
    const { topology } = options.view;
    this.#isReadModel = topology.readModels.has(options.topic);
    this.#isEventTopic = [...topology.events.values()].some(({ topic }) => topic === options.topic);
  }

  async run(): Promise<void> {
    const { view, topic, partition, bounds, facts, ledger } = this.#in;
    await readPartition(view, { topic, partition, ...bounds }, (record) => this.#take(record));
    for (const task of facts.keys()) this.#close(ledger.outputFor({ topic, partition }, task));
  }

  #take(record: FetchedRecord): void {
    const { topic, partition, view, facts, ledger } = this.#in;
    const origin = originOf(record.headers);
    if (origin?.application !== view.topology.application) return;
    this.counts.records += 1;
    if (origin.n <= (facts[origin.task]?.baseN ?? 0)) return;
    const output = ledger.outputFor({ topic, partition }, origin.task);
    const place = output.placeOf(origin.n, origin.index);
    const planned = output.emits[place ?? -1];
    if (place === undefined || planned === undefined)
      return this.#find('torn', record.offset, `${nameOf(origin)} is in no valid batch`);
    if (planned.digest !== digestOf(record))
      return this.#find('torn', record.offset, `${nameOf(origin)} was journaled with other bytes`);
    this.#advance(record, origin, place);
  }

  #advance(record: FetchedRecord, origin: Origin, place: number): void {
    const progress = this.#progressOf(origin.task);
    if (progress.seen.has(place)) {
      this.counts.visibleDuplicates += 1;
      return;
    }
    if (place < progress.next)
      this.#find('reordered', record.offset, `${nameOf(origin)} stands after a later one`);
    progress.seen.add(place);
    progress.next = Math.max(progress.next, place + 1);
    const eventId = record.headers[HEADER.eventId];
    if (!this.#isEventTopic || eventId === undefined) return;
    if (this.#eventIds.has(eventId))
      this.#find('duplicate', record.offset, `event ${eventId} has two origins`);
    this.#eventIds.add(eventId);
  }

  #close(output: PlannedOutput): void {
    const { bounds, facts, settled } = this.#in;
    const { seen } = this.#progressOf(output.task);
    const watermark = facts[output.task]?.watermarks.get(outputOf(output));
    const newest = new Map<string, number>();
    for (const place of seen) {
      const key = output.emits[place]?.key ?? '';
      newest.set(key, Math.max(place, newest.get(key) ?? -1));
    }
    // What was deleted from the start of the topic cannot be looked for.
    const first = bounds.start === 0 ? 0 : Math.min(...seen, output.emits.length);
    for (const [place, { n, index, key }] of output.emits.entries()) {
      if (seen.has(place) || place < first) continue;
      if (this.#isReadModel && (newest.get(key) ?? -1) > place) continue;
      const isAcknowledged =
        watermark !== undefined && !isAfter(n, index, watermark.n, watermark.index);
      if (!settled && !isAcknowledged) this.counts.pending += 1;
      else this.#find('lost', bounds.end, `emit ${output.task}/${n}/${index} is not there`);
    }
  }

  #progressOf(task: number): Progress {
    let progress = this.#progress.get(task);
    if (progress === undefined) this.#progress.set(task, (progress = { seen: new Set(), next: 0 }));
    return progress;
  }

  #find(kind: 'lost' | 'duplicate' | 'reordered' | 'torn', offset: number, what: string): void {
    const { topic, partition, findings } = this.#in;
    findings.add(kind, `${topic}/${partition}/${offset}`, what);
  }
}

function nameOf({ application, task, n, index }: Origin): string {
  return `emit ${application}/${task}/${n}/${index}`;
}
