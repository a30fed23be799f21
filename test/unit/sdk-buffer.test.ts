import {
  appendFileSync,
  closeSync,
  fstatSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { type BotEvent, BotProducer } from '../../sdk/typescript/src/index.ts';
import { LIMITS } from '../../sdk/typescript/src/limits.ts';
import { Outbox, type OutboxOptions, type Waiting } from '../../sdk/typescript/src/outbox.ts';
import { ProducerHome } from '../../sdk/typescript/src/producer-home.ts';
import { encodeFrames, spoolEntry } from '../../sdk/typescript/src/spool-frame.ts';
import { Spool } from '../../sdk/typescript/src/spool.ts';

const IDENTITY = {
  producer: 'epp',
  instance_name: 'bot-1',
  controller_id: 'epp_v2_4',
  connector_name: 'bitget',
  trading_pair: 'BTC-USDT',
};

let folder: string;
beforeEach(() => (folder = mkdtempSync(join(tmpdir(), 'millrace-spool-'))));
afterEach(() => rmSync(folder, { recursive: true }));

const textOf = (index: number): string => `{"event":${String(index).padStart(6, '0')}}`;
const entry = (index: number) => spoolEntry({}, textOf(index));
const frame = (index: number) => encodeFrames([entry(index)]);
const FRAME_BYTES = frame(0).length;
/** Found again by its name. */
const event = (index: number) => ({ producer: textOf(index) }) as BotEvent;

function outboxOf(over: Partial<OutboxOptions> = {}): Outbox {
  return new Outbox({
    spool: null,
    limitBytes: 3 * FRAME_BYTES,
    windowBytes: 1e6,
    whenFull: 'block',
    blockMs: 60_000,
    next: 0,
    ...over,
  });
}

const put = (outbox: Outbox, index: number, settle: () => void = () => {}): Promise<boolean> =>
  new Promise((resolve, reject) =>
    outbox.put(event(index), entry(index), settle, (error, isBuffered) =>
      error ? reject(error) : resolve(isBuffered),
    ),
  );
const texts = (waiting: readonly Waiting[]): readonly string[] =>
  waiting.map(({ event: each }) => (Buffer.isBuffer(each) ? each.toString() : each.producer));

/** Fills it with three events: no more fit. */
async function full(over: Partial<OutboxOptions>): Promise<Outbox> {
  const outbox = outboxOf(over);
  for (const index of [0, 1, 2]) await put(outbox, index);
  return outbox;
}

describe('a full buffer', () => {
  it('S-43 block: waits for room, and takes in the order of the calls', async () => {
    const outbox = await full({ whenFull: 'block' });
    const order: number[] = [];
    const taken = outbox.take(3, 1e6);
    // The first needs the room of two; the one after it would fit before.
    const large = `${textOf(3)}${' '.repeat(FRAME_BYTES)}`;
    const waiting = [
      new Promise<void>((resolve) =>
        outbox.put(event(3), spoolEntry({}, large), null, () => resolve()),
      ).then(() => order.push(3)),
      put(outbox, 4).then(() => order.push(4)),
    ];
    const turn = (): Promise<void> => new Promise(setImmediate);
    await turn();
    expect([order, outbox.pending]).toEqual([[], 3]);
    outbox.acknowledge(taken.slice(0, 1));
    await turn();
    expect([order, outbox.pending]).toEqual([[], 2]);
    outbox.acknowledge(taken.slice(1, 2));
    await turn();
    expect(order).toEqual([3]);
    outbox.acknowledge(taken.slice(2));
    await Promise.all(waiting);
    expect(order).toEqual([3, 4]);
    expect(texts(outbox.take(9, 1e6))).toEqual([3, 4].map(textOf));
  });

  it('S-43 block: says so when no room came in time, and lets in who fits then', async () => {
    const outbox = await full({ whenFull: 'block', blockMs: 50 });
    outbox.acknowledge(outbox.take(1, 1e6));
    const large = spoolEntry({}, ' '.repeat(2 * FRAME_BYTES));
    const said = new Promise((resolve) => outbox.put(event(3), large, null, resolve));
    const small = put(outbox, 4);
    expect(await said).toMatchObject({ code: 'BUFFER_FULL' });
    expect(await small).toBe(true);
    expect(outbox.pending).toBe(3);
  });

  it('S-43 block: waits ten seconds unless told otherwise', async () => {
    const away = { brokers: ['127.0.0.1:9'], registryUrl: 'http://127.0.0.1:9', spoolFolder: null };
    const bot = await BotProducer.open({ ...IDENTITY, ...away, bufferBytes: 1 });
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    try {
      await bot.emit.nowait('state_snapshot', { state: 'running' });
      let said: unknown = null;
      const emitting = bot.emit.nowait('state_snapshot', { state: 'running' });
      emitting.catch((error: unknown) => (said = error));
      await vi.advanceTimersByTimeAsync(9_999);
      expect(said).toBe(null);
      await vi.advanceTimersByTimeAsync(1);
      expect(said).toMatchObject({ code: 'BUFFER_FULL' });
      expect((said as Error).message).toContain('for 10000 ms');
    } finally {
      vi.useRealTimers();
      await bot.close(0);
    }
  });

  it('S-43 drop_new: drops the new event and counts it', async () => {
    const outbox = await full({ whenFull: 'drop_new' });
    expect([await put(outbox, 3), await put(outbox, 4)]).toEqual([false, false]);
    expect(outbox.dropped).toBe(2);
    expect(texts(outbox.take(9, 1e6))).toEqual([0, 1, 2].map(textOf));
  });

  it('S-43 error: fails at once, and takes again when there is room', async () => {
    const outbox = await full({ whenFull: 'error' });
    await expect(put(outbox, 3)).rejects.toThrow(/the buffer was full .*raise bufferBytes/);
    outbox.acknowledge(outbox.take(1, 1e6));
    expect(await put(outbox, 3)).toBe(true);
  });

  it('takes a single event that is larger than the limit', async () => {
    expect(await put(outboxOf({ limitBytes: 1, whenFull: 'error' }), 0)).toBe(true);
  });
});

describe('the outbox', () => {
  it('reads back from the spool what did not fit into memory, in order', async () => {
    const spool = Spool.open(folder, 10 * FRAME_BYTES);
    const settled: number[] = [];
    const outbox = outboxOf({ spool, limitBytes: 1e6, windowBytes: 5 * FRAME_BYTES });
    for (let index = 0; index < 40; index++) await put(outbox, index, () => settled.push(index));
    const taken: Waiting[] = [];
    for (let next = 40; taken.length < 60;) {
      const some = outbox.take(7, 1e6);
      taken.push(...some);
      outbox.acknowledge(some);
      for (let more = 0; more < 3 && next < 60; more++) await put(outbox, next++);
    }
    expect(texts(taken)).toEqual(Array.from({ length: 60 }, (_, index) => textOf(index)));
    expect(taken.map(({ number }) => number)).toEqual([...taken.keys()]);
    expect(settled).toEqual(Array.from({ length: 40 }, (_, index) => index));
    expect(outbox.pendingBytes).toBe(0);
    spool.close();
  });

  it('S-43 gives the event loop a turn where events are emitted without a pause', async () => {
    const outbox = outboxOf({ limitBytes: 1e9, windowBytes: 1e9 });
    let hadTurn = false;
    setImmediate(() => (hadTurn = true));
    for (let index = 0; index < 2 * LIMITS.turnEvents && !hadTurn; index++)
      await put(outbox, index);
    expect(hadTurn).toBe(true);
  });

  it('writes what was emitted before it is drained, and that first', async () => {
    const spool = Spool.open(folder);
    const outbox = outboxOf({ spool, limitBytes: 1e9 });
    void put(outbox, 0);
    void outbox.drained(0);
    expect(spool.end).toBe(1);
    spool.close();
    await new Promise(setImmediate);
    expect(spool.end).toBe(1);
  });

  it('is drained when all that was buffered before is acknowledged, and not earlier', async () => {
    const outbox = await full({});
    let isDrained = false;
    const drained = outbox.drained(60_000).then((is) => (isDrained = is));
    const taken = outbox.take(9, 1e6);
    outbox.acknowledge(taken.slice(1));
    outbox.passed(0);
    await Promise.resolve();
    expect(isDrained).toBe(false);
    outbox.acknowledge(taken.slice(0, 1));
    outbox.passed(3);
    expect(await drained).toBe(true);
    await put(outbox, 9);
    expect(await outbox.drained(1)).toBe(false);
  });
});

describe('the spool', () => {
  const write = (spool: Spool, from: number, to: number): void => {
    for (let index = from; index < to; index++) spool.append(frame(index), 1);
  };
  const readAll = (spool: Spool, from = spool.first): string[] => {
    const found: string[] = [];
    for (let number = from; ;) {
      const read = spool.read(number);
      const last = read.at(-1);
      if (last === undefined) return found;
      found.push(...read.map((each) => each.event.json.toString()));
      number = last.number + 1;
    }
  };
  const segments = (): string[] => readdirSync(folder).filter((name) => name.endsWith('.spool'));
  const lastSegment = (): string => join(folder, segments().sort().at(-1) ?? '');

  it('S-43 gives back what was put in, over files and restarts, and forgets what is done', () => {
    const spool = Spool.open(folder, 10 * FRAME_BYTES);
    write(spool, 0, 35);
    spool.close();
    const again = Spool.open(folder, 10 * FRAME_BYTES);
    write(again, 35, 40);
    expect(readAll(again)).toEqual(Array.from({ length: 40 }, (_, index) => textOf(index)));
    again.forget(25);
    expect(segments()).toHaveLength(2);
    expect(readAll(again, 25)).toHaveLength(15);
    again.close();
  });

  it('cuts off an end that was not written whole, and goes on in its place', () => {
    const spool = Spool.open(folder);
    write(spool, 0, 3);
    spool.close();
    truncateSync(lastSegment(), 3 * FRAME_BYTES - 4);
    const again = Spool.open(folder);
    expect([again.end, again.damagedBytes]).toEqual([2, 0]);
    write(again, 7, 8);
    expect(readAll(again)).toEqual([0, 1, 7].map(textOf));
    again.close();
  });

  it('S-43 takes events again once a folder that was removed is back', () => {
    const spool = Spool.open(folder, 2 * FRAME_BYTES);
    write(spool, 0, 2);
    rmSync(folder, { recursive: true });
    // What another file has as its number now must not be written to.
    for (const index of [7, 8])
      expect(() => write(spool, index, index + 1)).toThrow(
        expect.objectContaining({ code: 'SPOOL_FAILED' }) as Error,
      );
    mkdirSync(folder);
    const other = openSync(join(folder, 'other'), 'w+');
    write(spool, 2, 5);
    expect(readAll(spool, 2)).toEqual([2, 3, 4].map(textOf));
    expect(fstatSync(other).size).toBe(0);
    closeSync(other);
    spool.close();
  });

  it('keeps the newest of the files with damaged bytes, and no more than eight', () => {
    for (let index = 0; index < 12; index++) {
      const spool = Spool.open(folder);
      write(spool, index, index + 1);
      spool.close();
      appendFileSync(lastSegment(), Buffer.alloc(32, index + 1));
    }
    Spool.open(folder).close();
    const aside = readdirSync(folder).filter((name) => name.includes('.damaged-'));
    expect(aside).toHaveLength(LIMITS.damagedFiles);
    const kept = aside
      .map((name) => readFileSync(join(folder, name))[0])
      .sort((a, b) => (a ?? 0) - (b ?? 0));
    expect(kept).toEqual([5, 6, 7, 8, 9, 10, 11, 12]);
  });

  it('puts damaged bytes aside, says how many, and keeps what is whole', () => {
    const spool = Spool.open(folder, 2 * FRAME_BYTES);
    write(spool, 0, 6);
    spool.close();
    const first = join(folder, segments().sort()[0] ?? '');
    const bytes = readFileSync(first);
    bytes[FRAME_BYTES + 20] = 0;
    writeFileSync(first, bytes);
    const again = Spool.open(folder, 2 * FRAME_BYTES);
    expect(again.damagedBytes).toBe(FRAME_BYTES);
    expect(readAll(again)).toEqual([0, 2, 3, 4, 5].map(textOf));
    expect(readdirSync(folder).filter((name) => name.includes('damaged'))).toHaveLength(1);
    again.close();
  });
});

describe('the numbers of a producer', () => {
  const open = (id = 'p') => ProducerHome.open(folder, id);
  const sequences = [3, 0, 1, 0];

  /** Four events, two of them acknowledged. Its incarnation. */
  function used(): number {
    const home = open();
    for (const index of [0, 1, 2, 3]) home.spool?.append(frame(index), 1);
    const state = { ...home.state, partitions: 4, next: 2, sequences };
    home.progressed({ ...state, incarnation: state.incarnation + 1 });
    home.progressed({ ...state, incarnation: state.incarnation + 1 });
    home.close();
    return state.incarnation + 1;
  }
  it('J7a go on where they were after an orderly end', () => {
    const incarnation = used();
    const home = open();
    expect(home.state).toMatchObject({ incarnation, next: 2, sequences, partitions: 4 });
    home.close();
  });

  it('J7a begin a greater incarnation where there is no spool, or none that can be believed', () => {
    const before = used();
    rmSync(join(folder, 'producer.json'));
    const without = open();
    expect(without.state.incarnation).toBeGreaterThan(before);
    expect(without.state).toMatchObject({ next: 0, sequences: [] });
    without.close();
    const file = join(folder, 'producer.json');
    const stored = JSON.parse(readFileSync(file, 'utf8')) as object;
    writeFileSync(file, JSON.stringify({ ...stored, closed: false, boot: 'of another run' }));
    const rebooted = open();
    expect(rebooted.state.incarnation).toBeGreaterThan(without.state.incarnation);
    rebooted.close();
  });

  it('J7a begin a greater incarnation when the spool was damaged or is another producer’s', () => {
    const before = used();
    const segment = join(folder, readdirSync(folder).find((name) => name.endsWith('.spool')) ?? '');
    appendFileSync(segment, Buffer.alloc(64, 7));
    const damaged = open();
    expect(damaged.state.incarnation).toBeGreaterThan(before);
    expect(damaged.damagedBytes).toBe(64);
    damaged.close();
    const other = open('q');
    expect(other.state.incarnation).toBeGreaterThan(damaged.state.incarnation);
    other.close();
  });

  it('J7a begin a greater incarnation also when the clock was set back by hours', () => {
    const before = used();
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() - 5 * 3_600_000 });
    const segment = join(folder, readdirSync(folder).find((name) => name.endsWith('.spool')) ?? '');
    appendFileSync(segment, Buffer.alloc(64, 7));
    const damaged = open();
    vi.useRealTimers();
    expect(damaged.state.incarnation).toBe(before + 1);
    damaged.close();
  });

  it('refuses a folder that another producer uses', () => {
    const home = open();
    expect(() => open()).toThrow(/uses the spool/);
    home.close();
    open().close();
  });

  it('J7a stay as they were written while they cannot be, and nothing ends of that', () => {
    vi.useFakeTimers();
    const home = open();
    for (const index of [0, 1, 2, 3]) home.spool?.append(frame(index), 1);
    const first = { ...home.state, partitions: 4, next: 1, sequences: [1, 0, 0, 0] };
    const other = { ...first, incarnation: first.incarnation + 1 };
    home.progressed(other);
    const file = join(folder, 'producer.json.new');
    mkdirSync(file);
    home.progressed({ ...other, next: 2, sequences });
    vi.advanceTimersByTime(LIMITS.checkpointMs);
    vi.advanceTimersByTime(LIMITS.checkpointMs);
    home.progressed({ ...other, next: 3, sequences });
    vi.useRealTimers();
    expect(() => home.progressed({ ...other, incarnation: other.incarnation + 1 })).toThrow(
      /EISDIR/,
    );
    home.close();
    rmSync(file, { recursive: true });
    const again = open();
    expect(again.state).toMatchObject(other);
    again.close();
  });

  it('are a new incarnation each time when there is no folder', () => {
    const [one, two] = [ProducerHome.open(null, 'p'), ProducerHome.open(null, 'p')];
    expect(one.state.incarnation).not.toBe(two.state.incarnation);
  });
});
