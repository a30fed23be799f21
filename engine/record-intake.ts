import { type Codec, CodecError } from './codec.ts';
import { EngineError } from './errors.ts';
import { type EventRecord, HEADER } from './event.ts';
import { originOf } from './origin.ts';
import type { SourceRecord } from './task.ts';
import { isRekeyed, type Topology } from './topology.ts';

export interface IntakeOptions {
  readonly topology: Topology;
  readonly partition: number;
  readonly codec: Codec;
  /** murmur2 of the key modulo the number of partitions. */
  readonly partitionOf: (key: Uint8Array) => number;
}

/** An event that belongs to this task. */
export interface Admitted {
  readonly event: EventRecord;
  readonly key: string;
}

/** Why a record goes to the dead letters. */
export interface Misfit {
  readonly code: string;
  readonly reason: string;
}

/** Looks at records before anything is made of them: what is it, and is it for this task (J6, J7b)? */
export class RecordIntake {
  readonly #options: IntakeOptions;

  constructor(options: IntakeOptions) {
    this.#options = options;
  }

  /** Actors that have handled the record in the task that emitted it, if that is this one. */
  fusedActors(record: SourceRecord): ReadonlySet<string> {
    const header = record.headers[HEADER.fused];
    const origin = originOf(record.headers);
    const { topology, partition } = this.#options;
    if (header === undefined || origin === null) return NONE;
    if (origin.application !== topology.application || origin.task !== partition) return NONE;
    const own = `${topology.application}/`;
    const ids = header.split(',').filter((id) => id.startsWith(own));
    return new Set(ids.map((id) => id.slice(own.length)));
  }

  /** null: nothing of this topology's. */
  admit(record: SourceRecord): Admitted | Misfit | null {
    const decoded = this.#decode(record);
    if (decoded instanceof EngineError || decoded instanceof CodecError)
      return { code: decoded.code, reason: decoded.message };
    if (decoded === null) return null;
    return this.#misfit(record, decoded) ?? decoded;
  }

  #decode(record: SourceRecord): Admitted | EngineError | CodecError | null {
    const { codec, topology } = this.#options;
    if (record.value === null || record.key === null)
      return new CodecError(
        'UNDECODABLE',
        `The record has no ${record.value === null ? 'value' : 'key'}; events need both.`,
      );
    try {
      const { record: name, value } = codec.decode(record.value);
      if (!topology.eventsByRecord.has(name)) return null;
      return { event: value as EventRecord, key: text.decode(record.key) };
    } catch (error) {
      if (error instanceof CodecError) return error;
      throw error;
    }
  }

  #misfit(record: SourceRecord, { event, key }: Admitted): Misfit | null {
    const { topology } = this.#options;
    if (topology.referenceOf.has(event.envelope.event_type)) return null;
    // What comes back from the dead letters is judged by where it was.
    const from = record.topic === topology.redrive ? record.headers['x-original-topic'] : undefined;
    const isOwnKey = isRekeyed(from ?? record.topic);
    if (!isOwnKey && key !== event.envelope.correlation_id)
      return {
        code: 'KEY_MISMATCH',
        reason:
          `The record's key '${key}' is not its correlation_id '${event.envelope.correlation_id}'; ` +
          `produce it with the correlation_id as key.`,
      };
    return this.wrongPartition(record);
  }

  wrongPartition({ key }: Pick<SourceRecord, 'key'>): Misfit | null {
    const { partition, partitionOf } = this.#options;
    const right = partitionOf(key ?? EMPTY);
    if (right === partition) return null;
    return {
      code: 'WRONG_PARTITION',
      reason:
        `Key '${text.decode(key ?? EMPTY)}' belongs to partition ${right}, not ${partition}; set the ` +
        `producer's partitioner to murmur2 (librdkafka: partitioner=murmur2_random).`,
    };
  }
}

const NONE: ReadonlySet<string> = new Set();
const EMPTY = new Uint8Array();
const text = new TextDecoder();
