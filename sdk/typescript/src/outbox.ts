import { BotError } from './bot-error.ts';
import type { BotEvent } from './event.ts';
import { LIMITS } from './limits.ts';
import { encodeFrames, type EntryMeta, type SpoolEntry } from './spool-frame.ts';
import type { Spool } from './spool.ts';

/** What an emit does when there is no room: wait at most 10 s, drop the new event and count it, or fail at once. */
export type WhenFull = 'block' | 'drop_new' | 'error';

/** An event on its way to the broker. */
export interface Waiting {
  readonly number: number;
  readonly meta: EntryMeta;
  /** As it was emitted, or as the JSON that was read back from the spool. */
  readonly event: BotEvent | Buffer;
  readonly bytes: number;
  /** Told when the broker has acknowledged it, or that this will not be known. */
  readonly settle: ((error: BotError | null) => void) | null;
}

export interface OutboxOptions {
  readonly spool: Spool | null;
  readonly limitBytes: number;
  readonly windowBytes: number;
  readonly whenFull: WhenFull;
  readonly blockMs: number;
  /** Number of the first event not acknowledged. */
  readonly next: number;
}

interface Put {
  readonly event: BotEvent;
  readonly entry: SpoolEntry;
  readonly settle: ((error: BotError | null) => void) | null;
  readonly buffered: Buffered;
}

/** Told once whether an event is buffered, or why not; false: the policy dropped it. */
export type Buffered = (error: BotError | null, isBuffered: boolean) => void;

/**
 * Events between `emit` and the broker's acknowledgement, in order: in the spool, and in memory as far as there is room.
 *
 * Invariants:
 * 1. An event is buffered once the spool has it; only then it may be sent.
 * 2. Numbers follow the order of the calls; whoever waits for room is admitted in that order.
 * 3. `pendingBytes` never exceeds the limit, but for one event alone.
 */
export class Outbox {
  readonly #options: OutboxOptions;
  readonly #room: { readonly put: Put; readonly timer: NodeJS.Timeout }[] = [];
  readonly #settles = new Map<number, NonNullable<Put['settle']>>();
  #unwritten: Put[] = [];
  /** Events written since the event loop last looked at its sockets. */
  #sinceTurn = 0;
  #memory: Waiting[] = [];
  #memoryBytes = 0;
  /** From this number on events are read back from the spool; null: all that wait are in memory. */
  #spooledFrom: number | null;
  #end: number;
  #pendingBytes: number;
  #pending: number;
  #dropped = 0;
  /** All before this number are acknowledged. */
  #passed: number;
  readonly #drains: { before: number; resolve: (isDrained: boolean) => void }[] = [];
  #wake: () => void = () => undefined;

  constructor(options: OutboxOptions) {
    this.#options = options;
    this.#end = options.spool === null ? options.next : Math.max(options.spool.end, options.next);
    this.#spooledFrom = options.next < this.#end ? options.next : null;
    const left = leftIn(options.spool, options.next);
    this.#pendingBytes = left.bytes;
    this.#pending = left.count;
    this.#passed = options.next;
  }

  /** Number that the next event gets. */
  get end(): number {
    return this.#end;
  }
  /** Events buffered and not acknowledged. */
  get pending(): number {
    return this.#pending;
  }
  get pendingBytes(): number {
    return this.#pendingBytes;
  }
  /** Events that the policy `drop_new` let go. */
  get dropped(): number {
    return this.#dropped;
  }

  /**
   * Buffers one event, and says so later: a promise here would be one more for each event.
   *
   * Throws: never; `buffered` gets BotError BUFFER_FULL, SPOOL_FAILED.
   */
  put(event: BotEvent, entry: SpoolEntry, settle: Put['settle'], buffered: Buffered): void {
    const put: Put = { event, entry, settle, buffered };
    if (this.#room.length === 0 && this.#fits(entry)) return this.#admit(put);
    if (this.#options.whenFull === 'block') return this.#waitForRoom(put);
    if (this.#options.whenFull === 'error') return buffered(this.#full(''), false);
    this.#dropped += 1;
    buffered(null, false);
  }

  /** Events to send next, in order: as many as fit, empty when there is none. Each is given out once. */
  take(records: number, bytes: number): readonly Waiting[] {
    if (this.#memory.length === 0 && this.#spooledFrom !== null) this.#readBack();
    let count = 0;
    for (let sum = 0; count < Math.min(records, this.#memory.length); count++) {
      sum += this.#memory[count]?.bytes ?? 0;
      if (sum > bytes && count > 0) break;
    }
    const taken = this.#memory.splice(0, count);
    for (const each of taken) this.#memoryBytes -= each.bytes;
    return taken;
  }

  /** Resolves when `take` may give something, or when it is woken. */
  async waiting(): Promise<void> {
    if (this.#memory.length > 0 || this.#spooledFrom !== null) return;
    await new Promise<void>((resolve) => (this.#wake = resolve));
  }

  wake(): void {
    this.#wake();
  }

  /** The broker has these: their room is free. */
  acknowledge(events: readonly Waiting[]): void {
    for (const { bytes, settle } of events) {
      this.#pendingBytes -= bytes;
      this.#pending -= 1;
      settle?.(null);
    }
    this.#admitWaiting();
  }

  /** All before this number are acknowledged. */
  passed(number: number): void {
    this.#passed = number;
    const done = this.#drains.filter(({ before }) => before <= number);
    for (const drain of done) {
      this.#drains.splice(this.#drains.indexOf(drain), 1);
      drain.resolve(true);
    }
  }

  /** Waits until what is buffered now is acknowledged. False: it was not in time. */
  async drained(timeoutMs: number): Promise<boolean> {
    this.#write();
    if (this.#pending === 0) return true;
    return new Promise((resolve) => {
      const waiter = { before: this.#end, resolve };
      this.#drains.push(waiter);
      const timer = setTimeout(() => {
        this.#drains.splice(this.#drains.indexOf(waiter), 1);
        resolve(false);
      }, timeoutMs);
      waiter.resolve = (isDrained) => {
        clearTimeout(timer);
        resolve(isDrained);
      };
    });
  }

  /** Ends all waiting for room and for acknowledgements. */
  abandon(error: (what: 'CLOSED' | 'NOT_CONFIRMED') => BotError, given: readonly Waiting[]): void {
    for (const { put, timer } of this.#room.splice(0)) {
      clearTimeout(timer);
      put.buffered(error('CLOSED'), false);
    }
    for (const { settle } of [...given, ...this.#memory]) settle?.(error('NOT_CONFIRMED'));
    for (const settle of this.#settles.values()) settle(error('NOT_CONFIRMED'));
    this.#settles.clear();
  }

  #fits({ bytes }: SpoolEntry): boolean {
    return this.#pending === 0 || this.#pendingBytes + bytes <= this.#options.limitBytes;
  }

  #admitWaiting(): void {
    for (let first = this.#room[0]; first !== undefined; first = this.#room[0]) {
      if (!this.#fits(first.put.entry)) return;
      this.#room.shift();
      clearTimeout(first.timer);
      this.#admit(first.put);
    }
  }

  #admit(put: Put): void {
    this.#pendingBytes += put.entry.bytes;
    this.#pending += 1;
    this.#unwritten.push(put);
    if (this.#unwritten.length > 1) return;
    if (this.#sinceTurn >= LIMITS.turnEvents) setImmediate(() => this.#write());
    else queueMicrotask(() => this.#write());
  }

  /** All that was emitted in one go is one write. */
  #write(): void {
    const puts = this.#unwritten;
    if (puts.length === 0) return;
    this.#unwritten = [];
    try {
      const { spool } = this.#options;
      spool?.append(encodeFrames(puts.map(({ entry }) => entry)), puts.length);
    } catch (error) {
      this.#pending -= puts.length;
      for (const { entry, buffered } of puts) {
        this.#pendingBytes -= entry.bytes;
        buffered(error as BotError, false);
      }
      for (const drain of this.#drains) drain.before = Math.min(drain.before, this.#end);
      this.passed(this.#passed);
      return;
    }
    if (this.#sinceTurn === 0) setImmediate(() => (this.#sinceTurn = 0));
    this.#sinceTurn += puts.length;
    for (const { event, entry, settle, buffered } of puts) {
      const { meta, bytes } = entry;
      this.#keep({ number: this.#end, meta, event, bytes, settle });
      this.#end += 1;
      buffered(null, true);
    }
    this.#wake();
  }

  #keep(waiting: Waiting): void {
    const { spool, windowBytes } = this.#options;
    const isSpooled = spool !== null && this.#memoryBytes + waiting.bytes > windowBytes;
    if (isSpooled) this.#spooledFrom ??= waiting.number;
    if (this.#spooledFrom === null) {
      this.#memory.push(waiting);
      this.#memoryBytes += waiting.bytes;
    } else if (waiting.settle !== null) this.#settles.set(waiting.number, waiting.settle);
  }

  #readBack(): void {
    const read = this.#options.spool?.read(this.#spooledFrom ?? 0) ?? [];
    for (const { number, event, bytes } of read) {
      const { meta, json } = event;
      const settle = this.#settles.get(number) ?? null;
      this.#settles.delete(number);
      this.#memory.push({ number, meta, event: json, bytes, settle });
      this.#memoryBytes += bytes;
    }
    const last = read.at(-1);
    const isAll = last === undefined || last.number + 1 >= this.#end;
    this.#spooledFrom = isAll ? null : last.number + 1;
  }

  #waitForRoom(put: Put): void {
    const { blockMs } = this.#options;
    const timer = setTimeout(() => {
      const at = this.#room.findIndex((each) => each.put === put);
      if (at >= 0) this.#room.splice(at, 1);
      put.buffered(this.#full(` for ${blockMs} ms`), false);
      // Behind a large one may be a small one that fits.
      this.#admitWaiting();
    }, blockMs);
    this.#room.push({ put, timer });
  }

  #full(howLong: string): BotError {
    const held = `${this.#pending} events, ${this.#pendingBytes} of ${this.#options.limitBytes} bytes`;
    return new BotError(
      'BUFFER_FULL',
      `the buffer was full${howLong} (${held}): the broker takes no events, or fewer than are emitted; ` +
        'see status().lastError, raise bufferBytes, or choose whenFull drop_new',
    );
  }
}

/** What a spool holds from a number on. */
function leftIn(spool: Spool | null, next: number): { bytes: number; count: number } {
  const left = { bytes: 0, count: 0 };
  if (spool === null) return left;
  for (let number = next; number < spool.end;) {
    const read = spool.read(number);
    if (read.length === 0) break;
    for (const { bytes } of read) left.bytes += bytes;
    left.count += read.length;
    number = (read.at(-1)?.number ?? number) + 1;
  }
  return left;
}
