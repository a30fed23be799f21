import {
  type Batch,
  type EffectChange,
  type Input,
  type JournaledEmit,
  type Mark,
  outputOf,
  type ParkedChange,
  type Position,
  type ProducerMark,
  type ReferenceChange,
  type Seen,
  type StateChange,
  type TimerChange,
  type Watermark,
} from './journal.ts';
import { producerKey, type TaskState } from './task-state.ts';

/**
 * Collects one batch. Each change is applied to the task's state with the same function that a restore
 * uses and noted for the journal at the same time.
 */
export class BatchBuilder {
  readonly #state: TaskState;
  readonly #inputs: Input[] = [];
  readonly #positions = new Map<string, Position>();
  readonly #marks = new Map<string, Mark>();
  readonly #producers = new Map<string, ProducerMark>();
  readonly #watermarks = new Map<string, Watermark>();
  readonly #states = new Map<string, StateChange>();
  readonly #emits: JournaledEmit[] = [];
  readonly #seen: Seen[] = [];
  readonly #parked: ParkedChange[] = [];
  readonly #effects: EffectChange[] = [];
  readonly #timers: TimerChange[] = [];
  readonly #references: ReferenceChange[] = [];
  bytes = 0;

  constructor(state: TaskState) {
    this.#state = state;
  }

  get inputs(): number {
    return this.#inputs.length;
  }

  /** The n that this batch gets. */
  get number(): number {
    return this.#state.n + 1;
  }

  /** Whether anything was handled; moved positions alone ride along with a later batch (F27). */
  get isWorthAppending(): boolean {
    return this.#inputs.length > 0 || this.#emits.length > 0 || this.#references.length > 0;
  }

  /** Whether the state has something already that rides along. */
  get hasRiders(): boolean {
    const riders = [this.#positions, this.#marks, this.#producers, this.#watermarks];
    return riders.some(({ size }) => size > 0);
  }

  /** Whether a batch of watermarks alone would spare the next owner a tail read (J5). */
  get hasWatermarks(): boolean {
    return this.#watermarks.size > 0;
  }

  /** Index that the next emit gets; with n it is the emit's place in the journal. */
  get nextIndex(): number {
    return this.#emits.length;
  }

  /** The place of the next effect that is asked for. */
  get nextAsked(): { n: number; index: number } {
    return { n: this.number, index: this.#effects.length };
  }

  position(position: Position): void {
    this.#state.applyPosition(position);
    this.#positions.set(position.topic, position);
  }

  mark(mark: Mark): void {
    this.#state.applyMark(mark);
    this.#marks.set(`${mark.topic}|${mark.application}|${mark.task}`, mark);
  }

  /** Listed by when each was heard of last, so that a restore forgets the same ones. True as `applyProducer`. */
  producer(mark: ProducerMark): boolean {
    const key = producerKey(mark.topic, mark.producer);
    this.#producers.delete(key);
    this.#producers.set(key, mark);
    return this.#state.applyProducer(mark);
  }

  watermark(watermark: Watermark): void {
    this.#state.applyWatermark(watermark);
    this.#watermarks.set(outputOf(watermark), watermark);
  }

  /** True as `applySeen`. */
  seen(seen: Seen): boolean {
    this.#seen.push(seen);
    return this.#state.applySeen(seen);
  }

  input(input: Input): void {
    this.#inputs.push(input);
    this.bytes += 160 + (input.data?.length ?? 0);
  }

  /** Only the newest form of a state within a batch is journaled. */
  stateChange(change: StateChange): void {
    this.#state.applyState(change);
    this.#states.set(`${change.actor}|${change.key}`, change);
    this.bytes += change.value?.length ?? 0;
  }

  emit(emit: Omit<JournaledEmit, 'index'>): void {
    this.#emits.push({ ...emit, index: this.#emits.length });
    this.bytes += emitBytes(emit);
  }

  effect(change: EffectChange): void {
    this.#state.applyEffect(change);
    this.#effects.push(change);
    this.bytes += change.request?.length ?? 0;
  }

  park(change: ParkedChange): void {
    this.#state.applyParked(change);
    this.#parked.push(change);
    this.bytes += change.message?.length ?? 0;
  }

  timer(change: TimerChange): void {
    this.#state.applyTimer(change);
    this.#timers.push(change);
    this.bytes += change.setter.length + 100;
  }

  reference(change: ReferenceChange): void {
    this.#state.applyReference(change);
    this.#references.push(change);
    this.bytes += change.value?.length ?? 0;
  }

  seal(fence: number): Batch {
    const n = this.#state.n + 1;
    this.#state.n = n;
    return {
      fence,
      n,
      time: this.#state.time,
      inputs: this.#inputs,
      positions: [...this.#positions.values()],
      marks: [...this.#marks.values()],
      producers: [...this.#producers.values()],
      states: [...this.#states.values()],
      emits: this.#emits,
      seen: this.#seen,
      timers: this.#timers,
      parked: this.#parked,
      effects: this.#effects,
      references: this.#references,
      watermarks: [...this.#watermarks.values()],
      seen_sets: [],
      again: null,
    };
  }
}

export function emitBytes(emit: Omit<JournaledEmit, 'index'>): number {
  return (emit.key?.byteLength ?? 0) + (emit.value?.byteLength ?? 0) + 400;
}
