import type { FetchedRecord, RecordToSend, TopicDescription } from '../kafka/client.ts';

/** Records of one fetch of a partition: about what a megabyte holds. */
const RECORDS_PER_FETCH = 3_000;

/** One partition's records; offsets run on when its start is cut off, and over holes. */
export class MemoryLog {
  #records: FetchedRecord[] = [];
  start = 0;
  end = 0;

  append(records: readonly RecordToSend[]): number {
    const base = this.end;
    const place = { leaderEpoch: 0, timestampMs: Date.now() };
    for (const record of records) this.#records.push({ ...record, offset: this.end++, ...place });
    return base;
  }

  from(offset: number): readonly FetchedRecord[] {
    const first = this.#indexOf(offset);
    return this.#records.slice(first, first + RECORDS_PER_FETCH);
  }

  /** Where a reader goes on that was given `records`: past holes, if nothing else follows. */
  after(records: readonly FetchedRecord[]): number {
    const last = records.at(-1);
    if (last === undefined || last === this.#records.at(-1)) return this.end;
    return last.offset + 1;
  }

  /** Deletes what lies before `before`; -1 stands for all there is, as in DeleteRecords. */
  trim(before: number): void {
    this.start = Math.max(this.start, before === -1 ? this.end : before);
    this.#records.splice(0, this.#indexOf(this.start));
  }

  /** Uses up an offset without a record, as a transaction's marker does. */
  leaveHole(): void {
    this.end += 1;
  }

  /** Keeps the newest record of each key only, as compaction does. */
  compact(): void {
    const nameOf = ({ key }: FetchedRecord): string => Buffer.from(key ?? []).toString('latin1');
    const newest = new Map(this.#records.map((record) => [nameOf(record), record]));
    this.#records = this.#records.filter((record) => newest.get(nameOf(record)) === record);
  }

  /** Loses everything from `offset` on, acknowledged or not, as an unclean election does. */
  lose(offset: number): void {
    this.#records.splice(this.#indexOf(offset));
    this.end = Math.min(this.end, offset);
  }

  #indexOf(offset: number): number {
    let low = 0;
    let high = this.#records.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#records[middle] as FetchedRecord).offset < offset) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

export class MemoryTopic {
  readonly name: string;
  readonly id: string;
  readonly logs: readonly MemoryLog[];
  configs: Readonly<Record<string, string>>;

  constructor(
    name: string,
    id: string,
    partitions: number,
    configs: Readonly<Record<string, string>>,
  ) {
    this.name = name;
    this.id = id;
    this.logs = Array.from({ length: partitions }, () => new MemoryLog());
    this.configs = configs;
  }

  get description(): TopicDescription {
    const { name, id, configs } = this;
    return { name, id, partitions: this.logs.length, replicationFactor: 1, configs };
  }
}
