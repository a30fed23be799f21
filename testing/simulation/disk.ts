import type { ByteRows } from '../../engine/byte-rows.ts';
import { EngineError } from '../../engine/errors.ts';
import { MemoryStateStore } from '../../engine/memory-state-store.ts';
import type { Checkpoint, StateStore, StoreChange } from '../../engine/state-store.ts';
import type { FaultSchedule } from './fault.ts';
import type { SimulatedProcess } from './process.ts';
import type { World } from './world.ts';

interface Write {
  readonly changes: readonly StoreChange[];
  readonly checkpoint: Checkpoint;
  readonly rows: readonly ByteRows[];
}

export interface DiskUser {
  readonly world: World;
  readonly process: SimulatedProcess;
  readonly faults: FaultSchedule;
  readonly slot: number;
  /** The process dies here. */
  onCrash(): void;
}

/** The disk of one machine: what a process wrote is there for the next one, whole writes only. */
export class SimulatedDisk {
  readonly #written = new Map<number, Write[]>();

  /** The store of one partition, for as long as this process lives. */
  open(partition: number, how: 'kept' | 'empty', user: DiskUser): StateStore {
    if (how === 'empty') this.#written.delete(partition);
    let writes = this.#written.get(partition);
    if (writes === undefined) this.#written.set(partition, (writes = []));
    return new SimulatedStore(writes, user);
  }

  /** All of it is gone. */
  lose(): void {
    this.#written.clear();
  }

  /** A backup is put back: whole, and some writes old. */
  restoreOld(writes: number): void {
    for (const [partition, written] of this.#written)
      this.#written.set(partition, written.slice(0, Math.max(0, written.length - writes)));
  }
}

class SimulatedStore implements StateStore {
  readonly #writes: Write[];
  readonly #user: DiskUser;
  /** What a reader sees, made of the writes. */
  readonly #view = new MemoryStateStore();

  constructor(writes: Write[], user: DiskUser) {
    this.#writes = writes;
    this.#user = user;
    // `write` of the view does its work before it gives up control.
    for (const { changes, checkpoint, rows } of writes)
      void this.#view.write(changes, checkpoint, rows);
  }

  get checkpoint(): Checkpoint | null {
    return this.#view.checkpoint;
  }

  get(table: string, key: string): string | undefined {
    return this.#view.get(table, key);
  }

  entries(table: string): Iterable<readonly [string, string]> {
    return this.#view.entries(table);
  }

  page(table: string, after: string | null, limit: number): ReturnType<StateStore['page']> {
    return this.#view.page(table, after, limit);
  }

  async write(
    changes: readonly StoreChange[],
    checkpoint: Checkpoint,
    rows: readonly ByteRows[] = [],
  ): Promise<void> {
    const { world, process, faults, slot, onCrash } = this.#user;
    const fault = process.isAlive ? faults.next('disk', slot) : null;
    if (fault !== null) world.note(process.name, `fault disk/${fault.fate}`);
    if (fault?.fate === 'crash-before') onCrash();
    if (fault?.fate === 'failed')
      throw new EngineError('STORE_FAILED', 'retake', 'The disk does not take it.');
    const ms = fault?.fate === 'slow' ? fault.ms : world.random.between(1, 10);
    await new Promise<void>((resolve) => void world.after(ms, process, resolve));
    await this.#view.write(changes, checkpoint, rows);
    this.#writes.push({ changes, checkpoint, rows });
    if (fault?.fate === 'crash-after') onCrash();
  }

  async clear(): Promise<void> {
    this.#writes.length = 0;
    await this.#view.clear();
  }

  async close(): Promise<void> {}
}
