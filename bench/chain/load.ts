import { setTimeout as pause } from 'node:timers/promises';
import type { PlainProducer, RecordToSend } from '../../kafka/client.ts';
import { VoidRunError } from '../latency/audit.ts';
import { openLoop } from '../latency/open-loop.ts';
import type { ChainTail } from './tail.ts';
import type { InputMaker } from './work.ts';

const ARRIVAL_LIMIT_MS = 120_000;
const LOOK_EVERY_MS = 10;
/** Inputs a second before anything is measured. */
const WARM_UP_RATE = 400;
/** Records of one request. */
const FLAT_OUT_BATCH = 1_000;
/** Inputs in memory: a million would take a gigabyte. */
const MADE_AHEAD = 100_000;

/** One input that was timed. Units: ms of performance.now(). */
export interface Timed {
  readonly dueAt: number;
  /** When the load really let it go: later than due by what the load itself lags. */
  readonly sentAt: number;
  readonly readAt: number;
}

/**
 * Sends at a fixed rate, whatever becomes of what was sent before; what is due in the same turn of the event loop goes in one
 * request. Resolves when the last output of each has been read.
 *
 * Throws: VoidRunError when the broker refuses an input or an output does not come.
 */
export async function sendAtRate(
  to: { readonly producer: PlainProducer; readonly maker: InputMaker; readonly tail: ChainTail },
  load: { readonly rate: number; readonly count: number },
): Promise<readonly Timed[]> {
  const { producer, maker, tail } = to;
  const first = maker.made;
  const due: number[] = [];
  const sentAt: number[] = [];
  const sends: Promise<void>[] = [];
  let gathered: RecordToSend[] = [];
  const flush = (): void => {
    if (gathered.length === 0) return;
    const records = gathered;
    gathered = [];
    for (const now = performance.now(); sentAt.length < due.length;) sentAt.push(now);
    sends.push(sendRecords(producer, records));
  };
  await openLoop(load, (_index, dueAt) => {
    if (gathered.length === 0) setImmediate(flush);
    gathered.push(maker.next());
    due.push(dueAt);
  });
  flush();
  await Promise.all(sends);
  await untilRead(tail, maker.made);
  return due.map((dueAt, index) => ({
    dueAt,
    sentAt: sentAt[index] ?? Number.NaN,
    readAt: tail.readAt(first + index) ?? Number.NaN,
  }));
}

/** Has a system, and the broker behind it, do its work before it is measured. Throws: as `sendAtRate`. */
export async function warmUp(to: Parameters<typeof sendAtRate>[0], count: number): Promise<void> {
  await sendAtRate(to, { rate: WARM_UP_RATE, count });
}

/**
 * Keeps a system busy: so many inputs lie in front of it at any time, until `count` are sent and have come out.
 *
 * Throws: VoidRunError.
 */
export async function sendFlatOut(
  to: { readonly producer: PlainProducer; readonly maker: InputMaker; readonly tail: ChainTail },
  load: { readonly count: number; readonly ahead: number },
): Promise<void> {
  const { producer, maker, tail } = to;
  const before = maker.made;
  // Made before, so that the load takes as little as it can of a machine that is shared; some at a time of very many.
  for (let chunk = 0; chunk < load.count; chunk += MADE_AHEAD) {
    const count = Math.min(MADE_AHEAD, load.count - chunk);
    const records = Array.from({ length: count }, () => maker.next());
    for (let sent = 0; sent < count; sent += FLAT_OUT_BATCH) {
      await untilRead(tail, before + chunk + sent + FLAT_OUT_BATCH - load.ahead);
      await sendRecords(producer, records.slice(sent, sent + FLAT_OUT_BATCH));
    }
  }
  await untilRead(tail, before + load.count);
}

/** Throws: VoidRunError when no further output came for two minutes. */
export async function untilRead(tail: ChainTail, count: number): Promise<void> {
  let deadline = performance.now() + ARRIVAL_LIMIT_MS;
  for (let last = tail.count; tail.count < count;) {
    if (tail.count > last) {
      last = tail.count;
      deadline = performance.now() + ARRIVAL_LIMIT_MS;
    }
    if (performance.now() > deadline)
      throw new VoidRunError(
        `${count - tail.count} of ${count} inputs have no last output after ${ARRIVAL_LIMIT_MS} ms: the run is void.`,
      );
    await pause(LOOK_EVERY_MS);
  }
}

/** Throws: VoidRunError when the broker does not take all. */
export async function sendRecords(
  producer: PlainProducer,
  records: readonly RecordToSend[],
): Promise<void> {
  for (const result of await producer.send(records))
    if (result.result !== 'confirmed')
      throw new VoidRunError(`An input was not taken, ${result.code}: the run is void.`);
}
