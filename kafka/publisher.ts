import { EngineError } from '../engine/errors.ts';
import { headerBlock } from '../engine/header-block.ts';
import { type JournaledEmit, outputOf, type Watermark } from '../engine/journal.ts';
import type { PlainProducer, RecordToSend, SendResult } from './client.ts';
import { SHELL_LIMITS } from './limits.ts';
import type { TopicNames } from './topic-names.ts';
import { Backoff, pause, Wake } from './wait.ts';

interface Pending {
  /** null: it was published before, and moves no watermark. */
  readonly n: number | null;
  readonly emit: JournaledEmit;
  readonly bytes: number;
}

/** One output partition: what waits for it, in order, and whether a request for it is under way. */
interface Output {
  readonly waiting: Pending[];
  readonly backoff: Backoff;
  isUnderWay: boolean;
}

export interface PublisherOptions {
  readonly producer: PlainProducer;
  readonly names: TopicNames;
  readonly signal: AbortSignal;
  /** All emits of the task to that output up to (n, index) are acknowledged. */
  onWatermark(watermark: Watermark): void;
  /** A definite refusal after journaling: the task stops by name (J3d). */
  onRefused(error: EngineError): void;
  /** Records sent again after an unknown result. */
  onRepublished(count: number): void;
  onPublished(seconds: number, emits: readonly JournaledEmit[]): void;
}

/**
 * Publishes a task's confirmed emits.
 *
 * Invariants (J5): one request in flight per output partition; the next holds what has gathered; one that fails
 * is sent again, same bytes, before anything later of that partition. Partitions do not wait for each other,
 * but those that are ready at the same time share a request.
 */
export class Publisher {
  readonly #options: PublisherOptions;
  readonly #outputs = new Map<string, Output>();
  readonly #changed = new Wake();
  readonly #underWay = new Set<Promise<void>>();
  #waiting = 0;
  #retrying = 0;
  #waitingBytes = 0;
  #taken = 0;

  constructor(options: PublisherOptions) {
    this.#options = options;
    options.signal.addEventListener('abort', () => this.#changed.signal(), { once: true });
  }

  get isFull(): boolean {
    const { publishRecords, publishBytes } = SHELL_LIMITS;
    return this.#waiting >= publishRecords || this.#waitingBytes >= publishBytes;
  }

  /** Whether what was sent has to be sent again: the broker did not take it. */
  get isRetrying(): boolean {
    return this.#retrying > 0;
  }

  get waiting(): number {
    return this.#waiting;
  }

  /** How many were taken so far, when all of them are acknowledged; else null. */
  get quietMark(): number | null {
    return this.#waiting === 0 ? this.#taken : null;
  }

  /** Behind all that was taken so far; n: the batch of the emits, null where they were published before. */
  enqueue(n: number | null, emits: readonly JournaledEmit[]): void {
    this.#taken += emits.length;
    for (const emit of emits) {
      const bytes = sizeOf(emit);
      this.#outputFor(emit).waiting.push({ n, emit, bytes });
      this.#waitingBytes += bytes;
    }
    this.#waiting += emits.length;
    this.#sendWhatIsReady();
  }

  /** Resolves when fewer than the backlog's limit wait, or the term ends. */
  async room(): Promise<void> {
    while (this.isFull && !this.#options.signal.aborted) await this.#changed.wait();
  }

  /** Resolves when all is acknowledged, or the term ends. */
  async drained(): Promise<void> {
    while (this.#waiting > 0 && !this.#options.signal.aborted) await this.#changed.wait();
  }

  /** Resolves when no request is under way; after the term's end none follows. */
  async ended(): Promise<void> {
    while (this.#underWay.size > 0) await Promise.all(this.#underWay);
  }

  #outputFor(emit: JournaledEmit): Output {
    const name = outputOf(emit);
    let output = this.#outputs.get(name);
    if (output === undefined) {
      output = { waiting: [], backoff: new Backoff(50, 2_000), isUnderWay: false };
      this.#outputs.set(name, output);
    }
    return output;
  }

  #sendWhatIsReady(): void {
    if (this.#options.signal.aborted) return;
    const request = new Map<string, readonly Pending[]>();
    for (const [name, output] of this.#outputs) {
      if (output.isUnderWay || output.waiting.length === 0) continue;
      output.isUnderWay = true;
      request.set(name, firstOf(output.waiting));
    }
    if (request.size === 0) return;
    const underWay = this.#send(request).finally(() => this.#underWay.delete(underWay));
    this.#underWay.add(underWay);
  }

  async #send(request: ReadonlyMap<string, readonly Pending[]>): Promise<void> {
    const startedAt = performance.now();
    const emits = [...request.values()].flatMap((sent) => sent.map(({ emit }) => emit));
    const results = await this.#options.producer.send(emits.map((emit) => this.#toRecord(emit)));
    const failed = results.filter((result) => !this.#settle(result, request));
    this.#changed.signal();
    const seconds = (performance.now() - startedAt) / 1000;
    if (failed.length === 0) this.#options.onPublished(seconds, emits);
    else this.#options.onRepublished(failed.length);
    this.#sendWhatIsReady();
    await Promise.all(failed.map((result) => this.#sendAgain(result)));
  }

  /** True when the partition's records of this request are acknowledged. */
  #settle(result: SendResult, request: ReadonlyMap<string, readonly Pending[]>): boolean {
    const { name, output } = this.#outputOf(result);
    const sent = request.get(name) ?? [];
    if (result.result === 'refused') this.#options.onRefused(refused(result));
    if (result.result !== 'confirmed' || output === undefined) return false;
    output.isUnderWay = false;
    output.backoff.reset();
    output.waiting.splice(0, sent.length);
    if (output.waiting.length === 0) this.#outputs.delete(name);
    this.#waiting -= sent.length;
    for (const { bytes } of sent) this.#waitingBytes -= bytes;
    this.#raiseWatermark(result.partition, result.baseOffset + sent.length, sent);
    return true;
  }

  #raiseWatermark(partition: number, offset: number, sent: readonly Pending[]): void {
    const last = sent.findLast(({ n }) => n !== null);
    if (last === undefined || last.n === null) return;
    const { topic, index } = last.emit;
    this.#options.onWatermark({ topic, partition, offset, n: last.n, index });
  }

  async #sendAgain(result: SendResult): Promise<void> {
    const { output } = this.#outputOf(result);
    if (output === undefined) return;
    this.#retrying += 1;
    await pause(output.backoff.next(), this.#options.signal);
    this.#retrying -= 1;
    output.isUnderWay = false;
    this.#sendWhatIsReady();
  }

  #outputOf({ topic, partition }: SendResult) {
    const name = outputOf({ topic: this.#options.names.logical(topic), partition });
    return { name, output: this.#outputs.get(name) };
  }

  #toRecord(emit: JournaledEmit): RecordToSend {
    const { partition, key, value, headers } = emit;
    return { topic: this.#options.names.physical(emit.topic), partition, key, value, headers };
  }
}

/** What one request takes of an output. */
function firstOf(waiting: readonly Pending[]): readonly Pending[] {
  const most = Math.min(waiting.length, SHELL_LIMITS.requestRecords);
  let total = 0;
  let count = 0;
  for (; count < most; count++) {
    total += (waiting[count] as Pending).bytes;
    if (count > 0 && total > SHELL_LIMITS.requestBytes) break;
  }
  return waiting.slice(0, count);
}

/** Upper bound of a record's bytes in its batch, lengths and deltas included. */
function sizeOf({ key, value, headers }: JournaledEmit): number {
  return 40 + (key?.byteLength ?? 0) + (value?.byteLength ?? 0) + headerBlock(headers).byteLength;
}

function refused(result: Extract<SendResult, { result: 'refused' }>): EngineError {
  return new EngineError(
    'PUBLISH_REFUSED',
    'stop',
    `The broker refused a journaled emit for ${result.topic}/${result.partition}: ${result.code}. ` +
      `Nothing is skipped: correct the topic's limits or rights, then start the application again.`,
  );
}
