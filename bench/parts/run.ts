import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createRecordsBatch, Reader, readRecordsBatches } from '@platformatic/kafka';
import { AvroCodec } from '../../avro/index.ts';
import { moduleRecords } from '../../avro/topology-module.ts';
import { deployTopology } from '../../engine/deployment.ts';
import { type Batch, type Fence, JOURNAL_RECORD } from '../../engine/journal.ts';
import { Task } from '../../engine/task.ts';
import { TaskState } from '../../engine/task-state.ts';
import type { Topology } from '../../engine/topology.ts';
import type { RecordToSend } from '../../kafka/client.ts';
import { LmdbStore } from '../../kafka/lmdb-store.ts';
import { partitionOf } from '../../kafka/partitioner.ts';
import { encodeRecordBatch } from '../../kafka/platformatic/record-batch.ts';
import { type Bytes, decodeBatches } from '../../kafka/platformatic/record-decoder.ts';
import { schemas, topology as definition } from '../chain/topology.ts';
import { madeOn, markdownTable } from '../chain/tables.ts';
import { InputMaker, USUAL_SHAPE } from '../chain/work.ts';
import { headOf, loadAverage, type RunHead } from '../latency/machine.ts';
import { rounded } from '../latency/summary.ts';

export interface PartsPlan {
  /** Measured in each round. */
  readonly inputs: number;
  readonly rounds: number;
  /** Before the first. */
  readonly warmUp: number;
}

/** What an input of the chain costs, part by part, each without a wait in it. Units: µs per input. */
export interface PartsReport extends RunHead<PartsPlan> {
  /** Of the round that took least: others on the machine can only add to it. */
  readonly parts: Readonly<Record<Part, number>>;
}

const PARTS = {
  read: 'the input and the two outputs that come back, from the bytes of the broker',
  'read, library': 'the same bytes by the client library, with the texts of their headers',
  handle:
    'three actors: dedupe, state, ids, events and headers encoded, what is chained decoded again',
  journal: 'the batch as one Avro record',
  store: 'what changed, into LMDB, with what its checkpoint costs',
  publish: 'three outputs, as record batches',
  'publish, library': 'the same records by the client library',
} as const;
type Part = keyof typeof PARTS;

/** Inputs of one batch, as a task has it that is always busy. */
const BATCH_INPUTS = 400;
const ONE_PARTITION = { ...USUAL_SHAPE, partitions: 1 };
const FENCE = 0;

/** Does the work of the chain in this process, without a broker, and times its parts. */
export async function runParts(
  plan: PartsPlan,
  tell: (line: string) => void,
): Promise<PartsReport> {
  const loadBefore = loadAverage();
  const folder = await mkdtemp(join(tmpdir(), 'millrace-bench-'));
  const store = await LmdbStore.open(join(folder, 'store'));
  try {
    const work = new ChainWork(store);
    tell(`${plan.warmUp} inputs to warm up`);
    for (const by of ['own', 'library'] as const) await work.take(plan.warmUp, by);
    const rounds: Readonly<Partial<Record<Part, number>>>[] = [];
    for (let round = 1; round <= plan.rounds; round++) {
      tell(`${plan.inputs} inputs, round ${round}`);
      // One after the other: what one leaves to the garbage collector is not to be paid for by the other.
      const own = await work.take(plan.inputs, 'own');
      rounds.push({ ...(await work.take(plan.inputs, 'library')), ...own });
    }
    const least = (part: Part): number =>
      rounded(Math.min(...rounds.map((each) => each[part] ?? Number.NaN)));
    const names = Object.keys(PARTS) as Part[];
    const parts = Object.fromEntries(names.map((part) => [part, least(part)]));
    return { ...headOf(plan, loadBefore), parts: parts as Record<Part, number> };
  } finally {
    await store.close();
    await rm(folder, { recursive: true, force: true });
  }
}

/** One task of the chain, its journal's and its topics' bytes. */
class ChainWork {
  readonly #codec = AvroCodec.offline(moduleRecords({ topology: definition, schemas }));
  readonly #topology = deployTopology(definition, 'fused')[0] as Topology;
  readonly #maker = new InputMaker(this.#codec, ONE_PARTITION, '');
  readonly #store: LmdbStore;
  readonly #state: TaskState;
  readonly #task: Task;
  /** Topic → offset of its next record. */
  readonly #ends = new Map<string, number>();
  #spent: Partial<Record<Part, number>> = {};
  #by: 'own' | 'library' = 'own';

  constructor(store: LmdbStore) {
    this.#store = store;
    this.#state = new TaskState(store);
    this.#task = new Task({
      topology: this.#topology,
      codec: this.#codec,
      ...{ partition: 0, state: this.#state, fuse: true },
      clock: () => Date.now() * 1000,
      partitionOf: (key) => partitionOf(key, 1),
    });
  }

  /** Resolves with what each part took, per input: this system's own, or those that the library does for comparison. */
  async take(inputs: number, by: 'own' | 'library'): Promise<Partial<Record<Part, number>>> {
    this.#spent = {};
    this.#by = by;
    let back: readonly RecordToSend[] = [];
    for (let done = 0; done < inputs; done += BATCH_INPUTS) {
      const made = Array.from({ length: BATCH_INPUTS }, () => this.#maker.next());
      this.#handle([...made, ...back]);
      const batch = this.#task.seal(FENCE) as Batch;
      this.#timed('journal', () =>
        this.#codec.encode(this.#topology.journal, JOURNAL_RECORD.batch, batch),
      );
      await this.#keep(batch);
      this.#publish(batch.emits);
      // Of the last topic nobody reads here.
      back = batch.emits.filter(({ topic }) => this.#topology.sources.includes(topic));
    }
    const spent = Object.entries(this.#spent).filter(
      ([part]) => isLibrarys(part) === (by === 'library'),
    );
    return Object.fromEntries(spent.map(([part, us]) => [part, us / inputs]));
  }

  #handle(records: readonly RecordToSend[]): void {
    for (const [topic, own] of Map.groupBy(records, (record) => record.topic)) {
      const bytes = encodeRecordBatch(own, Date.now());
      const from = this.#ends.get(topic) ?? 0;
      bytes.writeBigInt64BE(BigInt(from), 0);
      this.#ends.set(topic, from + own.length);
      if (this.#by === 'library')
        this.#timed('read, library', () => textsOf(readRecordsBatches(Reader.from(bytes))));
      const place = { topic, partition: 0, offset: from };
      const read = this.#timed('read', () => decodeBatches(asBytes(bytes), place)).records;
      this.#timed('handle', () => {
        for (const record of read) this.#task.take({ ...record, topicId: topic });
      });
    }
  }

  async #keep({ n, time }: Batch): Promise<void> {
    const taken = this.#timed('store', () => this.#state.takeChanges());
    const place = { offset: n, fence: FENCE, n };
    const checkpoint = { ...place, topicId: '', time, fenceRecord: NO_FENCE, emitsFrom: place };
    const written = this.#timed('store', () => this.#store.write(taken.changes, checkpoint));
    await written;
    this.#timed('store', () => this.#state.settle(taken.generation));
  }

  #publish(emits: readonly RecordToSend[]): void {
    for (const [, own] of Map.groupBy(emits, ({ topic }) => topic)) {
      this.#timed('publish', () => encodeRecordBatch(own, Date.now()));
      if (this.#by === 'own') continue;
      const messages = own.map(({ topic, partition, key, value, headers }) => ({
        ...{ topic, partition, timestamp: 0n },
        ...(key && { key: Buffer.from(key) }),
        value: Buffer.from(value ?? []),
        headers: new Map(
          Object.entries(headers).map(([name, text]) => [Buffer.from(name), Buffer.from(text)]),
        ),
      }));
      this.#timed('publish, library', () => createRecordsBatch(messages, {}).buffer);
    }
  }

  #timed<Result>(part: Part, run: () => Result): Result {
    // Not the thread's processor time: some kernels count that in ticks of 4 ms.
    const before = performance.now();
    const result = run();
    this.#spent[part] = (this.#spent[part] ?? 0) + (performance.now() - before) * 1000;
    return result;
  }
}

const NO_FENCE: Fence = {
  ...{ application: definition.application, task: 0, member: '', host: '', generation: 0 },
  ...{ deployment: 'fused', edges_hash: '', time: 0 },
};

/** What the engine needs of a record besides its bytes, as whoever uses the library has to make it. */
function textsOf(records: ReturnType<typeof readRecordsBatches>): number {
  let texts = 0;
  for (const { headers } of records.flatMap((batch) => batch.records)) {
    const own: Record<string, string> = {};
    for (const [name, text] of headers)
      own[name?.toString('utf8') ?? ''] = text?.toString('utf8') ?? '';
    texts += Object.keys(own).length;
  }
  return texts;
}

function isLibrarys(part: string): boolean {
  return part.endsWith('library');
}

function asBytes(bytes: Buffer): Bytes {
  return { length: bytes.length, slice: (from, until) => bytes.subarray(from, until) };
}

/** The table of bench/README.md, as Markdown. */
export function partsTable(report: PartsReport): string {
  const names = Object.keys(PARTS) as Part[];
  const rows = names.map((part) => [part, PARTS[part], report.parts[part].toFixed(1)]);
  return [
    ...markdownTable(['part', 'of an input', 'µs'], rows),
    '',
    `Chain of three, 250-byte records, batches of ${BATCH_INPUTS} inputs; the least of ${report.plan.rounds} rounds. ${madeOn(report)}`,
  ].join('\n');
}
