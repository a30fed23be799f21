import type { FetchedRecord, RecordToSend, TopicDescription } from '../kafka/client.ts';

/** Records of one fetch of a partition: about what a megabyte holds. */
const RECORDS_PER_FETCH = 3_000;

/** One partition's records; offsets run on when its start is cut off. */
export class MemoryLog {
  readonly #records: FetchedRecord[] = [];
  start = 0;

  get end(): number {
    return this.#records.length;
  }

  append(records: readonly RecordToSend[]): number {
    const base = this.end;
    const place = { leaderEpoch: 0, timestampMs: Date.now() };
    records.forEach((record, index) =>
      this.#records.push({ ...record, offset: base + index, ...place }),
    );
    return base;
  }

  from(offset: number): readonly FetchedRecord[] {
    return this.#records.slice(offset, offset + RECORDS_PER_FETCH);
  }

  trim(before: number): void {
    this.start = Math.max(this.start, Math.min(before, this.end));
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
