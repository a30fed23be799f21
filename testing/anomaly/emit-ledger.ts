import { createHash } from 'node:crypto';
import { type JournaledEmit, outputOf } from '../../engine/journal.ts';
import type { Headers } from '../../engine/event.ts';

/** An emit of a valid batch, as it must stand on its topic. */
export interface PlannedEmit {
  readonly n: number;
  readonly index: number;
  readonly digest: string;
  readonly key: string;
}

/** What one task has to publish to one output partition, in the order of its journal. */
export class PlannedOutput {
  readonly topic: string;
  readonly partition: number;
  readonly task: number;
  readonly emits: PlannedEmit[] = [];
  readonly #places = new Map<string, number>();

  constructor(place: Pick<JournaledEmit, 'topic' | 'partition'>, task: number) {
    this.topic = place.topic;
    this.partition = place.partition;
    this.task = task;
  }

  plan(n: number, emit: JournaledEmit): void {
    this.#places.set(`${n}/${emit.index}`, this.emits.length);
    const key = Buffer.from(emit.key ?? []).toString();
    this.emits.push({ n, index: emit.index, digest: digestOf(emit), key });
  }

  /** Place in `emits`; undefined when no valid batch has it. */
  placeOf(n: number, index: number): number | undefined {
    return this.#places.get(`${n}/${index}`);
  }
}

/** All that the journals of an application say must be published. Limits: some 300 bytes of memory an emit. */
export class EmitLedger {
  readonly outputs = new Map<string, PlannedOutput>();

  plan(task: number, n: number, emit: JournaledEmit): void {
    this.outputFor(emit, task).plan(n, emit);
  }

  outputFor(place: Pick<JournaledEmit, 'topic' | 'partition'>, task: number): PlannedOutput {
    const name = `${outputOf(place)}|${task}`;
    let output = this.outputs.get(name);
    if (output === undefined) this.outputs.set(name, (output = new PlannedOutput(place, task)));
    return output;
  }
}

/** Of a record's key, value and headers. */
export function digestOf(record: {
  readonly key: Uint8Array | null;
  readonly value: Uint8Array | null;
  readonly headers: Headers;
}): string {
  const hash = createHash('sha1');
  for (const bytes of [record.key, record.value])
    hash.update(`${bytes?.byteLength ?? -1}|`).update(bytes ?? '');
  for (const [name, text] of Object.entries(record.headers).sort()) hash.update(`${name}=${text}|`);
  return hash.digest('base64');
}
