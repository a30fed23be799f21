import type { Priority } from './event.ts';

export interface Queued {
  readonly topic: string;
  readonly key: Uint8Array | null;
  readonly value: Uint8Array | null;
}

interface Lane<Item> {
  items: Item[];
  taken: number;
  bytes: number;
  /** Turns since a lower class had one. */
  turns: number;
}

/**
 * What operators say comes before all that they say it about, and reference data before all that reads it.
 */
export type SourceClass = Priority | 'control' | 'reference';

/** Highest first. */
const CLASSES: readonly SourceClass[] = [
  'control',
  'reference',
  'critical',
  'high',
  'normal',
  'low',
];

/** Of so many turns the lower classes get one, so that a flood of one class never stops the others. */
const TURNS = 10;

/** Bytes of a record besides its key and value. */
const OVERHEAD = 200;

/**
 * What waits in front of a task. Of what is there the highest class comes first, with a tenth kept for the next
 * lower one, a tenth of that for the one below it; within a class the order is that of arrival, so within a topic
 * that of the log (J7).
 *
 * Limits: records and bytes per class. A flood of one class leaves the others room to be fetched.
 * Source: E-11.
 */
export class SourceQueue<Item extends Queued> {
  readonly #classOf: (topic: string) => SourceClass;
  readonly #limits: { readonly records: number; readonly bytes: number };
  readonly #lanes = new Map<SourceClass, Lane<Item>>();
  #size = 0;

  constructor(
    classOf: (topic: string) => SourceClass,
    limits: { readonly records: number; readonly bytes: number },
  ) {
    this.#classOf = classOf;
    this.#limits = limits;
  }

  get size(): number {
    return this.#size;
  }

  /** Whether no more of the topic's class should be fetched. */
  isFull(topic: string): boolean {
    const lane = this.#lanes.get(this.#classOf(topic));
    if (lane === undefined) return false;
    return (
      lane.items.length - lane.taken >= this.#limits.records || lane.bytes >= this.#limits.bytes
    );
  }

  push(item: Item): void {
    const name = this.#classOf(item.topic);
    let lane = this.#lanes.get(name);
    if (lane === undefined)
      this.#lanes.set(name, (lane = { items: [], taken: 0, bytes: 0, turns: 0 }));
    lane.items.push(item);
    lane.bytes += sizeOf(item);
    this.#size += 1;
  }

  /** How many of a class wait. */
  waits(name: SourceClass): number {
    const lane = this.#lanes.get(name);
    return lane === undefined ? 0 : lane.items.length - lane.taken;
  }

  /** The next one, or the next one of a class; undefined when nothing waits. */
  take(only?: SourceClass): Item | undefined {
    const lane = only === undefined ? this.#turn() : this.#lanes.get(only);
    if (lane === undefined || lane.items.length === lane.taken) return undefined;
    const item = lane.items[lane.taken++] as Item;
    lane.bytes -= sizeOf(item);
    this.#size -= 1;
    if (lane.taken >= lane.items.length / 2) {
      lane.items = lane.items.slice(lane.taken);
      lane.taken = 0;
    }
    return item;
  }

  #turn(): Lane<Item> | undefined {
    let chosen: Lane<Item> | undefined;
    for (const name of CLASSES) {
      const lane = this.#lanes.get(name);
      if (lane === undefined || lane.taken === lane.items.length) continue;
      if (chosen !== undefined && !passesOn(chosen)) break;
      chosen = lane;
    }
    return chosen;
  }

  clear(): void {
    this.#lanes.clear();
    this.#size = 0;
  }
}

/** Whether a class leaves its turn to a lower one. */
function passesOn(lane: Lane<unknown>): boolean {
  lane.turns = (lane.turns + 1) % TURNS;
  return lane.turns === 0;
}

function sizeOf({ key, value }: Queued): number {
  return OVERHEAD + (key?.byteLength ?? 0) + (value?.byteLength ?? 0);
}
