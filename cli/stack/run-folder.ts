import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { identityOf, isSame } from './process-identity.ts';

/** `given`: the environment names an existing one. `waiting`: it died and will be started again. */
export type PartState = 'starting' | 'running' | 'stopping' | 'stopped' | 'waiting' | 'given';

/** What the supervisor last wrote about a part, and other processes read. */
export interface PartRecord {
  readonly part: string;
  readonly state: PartState;
  /** null while it has no process. */
  readonly pid: number | null;
  /** Of that process, see `identityOf`. */
  readonly identity: string | null;
  readonly port: number | null;
  /** Milliseconds since 1970: when it came into this state. */
  readonly since: number;
  readonly restarts: number;
}

const SUPERVISOR = 'supervisor';

/**
 * MILLRACE_DATA/run: how the supervisor, the next supervisor and `millrace stack` know of each other.
 *
 * Shape: `<part>.pid` the bare pid · `<part>.json` a PartRecord · `<part>.stopped` is there while the part was stopped by
 * hand.
 */
export class RunFolder {
  readonly folder: string;

  constructor(dataFolder: string) {
    this.folder = join(dataFolder, 'run');
  }

  write(record: PartRecord): void {
    mkdirSync(this.folder, { recursive: true });
    this.#replace(`${record.part}.json`, `${JSON.stringify(record)}\n`);
    if (record.pid === null) this.#remove(`${record.part}.pid`);
    else this.#replace(`${record.part}.pid`, `${record.pid}\n`);
  }

  /** null when nothing is known of the part. */
  read(part: string): PartRecord | null {
    try {
      return parseRecord(readFileSync(join(this.folder, `${part}.json`), 'utf8'));
    } catch {
      return null;
    }
  }

  /** Everything that is known, without the supervisor. */
  readAll(): readonly PartRecord[] {
    if (!existsSync(this.folder)) return [];
    return readdirSync(this.folder)
      .filter((file) => file.endsWith('.json') && file !== `${SUPERVISOR}.json`)
      .map((file) => this.read(file.slice(0, -'.json'.length)))
      .filter((record) => record !== null);
  }

  forget(part: string): void {
    for (const kind of ['json', 'pid', 'stopped']) this.#remove(`${part}.${kind}`);
  }

  markStopped(part: string): void {
    mkdirSync(this.folder, { recursive: true });
    writeFileSync(join(this.folder, `${part}.stopped`), '');
  }

  clearStopped(part: string): void {
    this.#remove(`${part}.stopped`);
  }

  isMarkedStopped(part: string): boolean {
    return existsSync(join(this.folder, `${part}.stopped`));
  }

  /** The `millrace up` that runs on this folder, or null. */
  supervisor(): PartRecord | null {
    const record = this.read(SUPERVISOR);
    return record !== null && isAlive(record) ? record : null;
  }

  /** Makes this process the supervisor of the folder. */
  claim(state: 'running' | 'stopping'): void {
    this.write({
      part: SUPERVISOR,
      state,
      pid: process.pid,
      identity: identityOf(process.pid),
      port: null,
      since: Date.now(),
      restarts: 0,
    });
  }

  release(): void {
    this.forget(SUPERVISOR);
  }

  /** Whole or not at all: others read while this writes. */
  #replace(file: string, text: string): void {
    const target = join(this.folder, file);
    writeFileSync(`${target}.new`, text);
    renameSync(`${target}.new`, target);
  }

  #remove(file: string): void {
    rmSync(join(this.folder, file), { force: true });
  }
}

/** Whether the process that the record names still runs, and is not another one with its pid. */
export function isAlive(record: PartRecord): boolean {
  return record.pid !== null && record.identity !== null && isSame(record.pid, record.identity);
}

/** null for anything that is not a whole record. */
export function parseRecord(text: string): PartRecord | null {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return null;
  }
  if (typeof value !== 'object' || value === null) return null;
  const { part, state, pid, identity } = value as Record<string, unknown>;
  const whole =
    typeof part === 'string' &&
    typeof state === 'string' &&
    (pid === null || (Number.isSafeInteger(pid) && (pid as number) > 1)) &&
    (identity === null || typeof identity === 'string');
  return whole ? (value as PartRecord) : null;
}
