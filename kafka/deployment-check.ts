import type { Codec } from '../engine/codec.ts';
import { EngineError } from '../engine/errors.ts';
import type { Fence } from '../engine/journal.ts';
import { JournalReader } from '../engine/journal-reader.ts';
import type { Topology } from '../engine/topology.ts';
import { type KafkaAdmin, KafkaError, type PartitionReader } from './client.ts';
import { decodeChanges } from './journal-log.ts';
import { SHELL_LIMITS } from './limits.ts';
import type { TopicNames } from './topic-names.ts';

export interface DeploymentCheck {
  readonly topology: Topology;
  readonly codec: Codec;
  readonly names: TopicNames;
  readonly admin: KafkaAdmin;
  readonly reader: PartitionReader;
}

/**
 * Refuses to run fused what was run split, or the other way round: the first batch of every partition says how its
 * journal was written, that of the siblings too, whose group names differ.
 *
 * Throws: EngineError DEPLOYMENT_CHANGED (stop); KafkaError; CodecError REGISTRY_AWAY. Source: J6.
 */
export async function checkDeployment(check: DeploymentCheck): Promise<void> {
  const { topology, names, admin } = check;
  const existing = new Set(await admin.listTopics());
  const journals = [topology.application, ...topology.siblings]
    .map((application) => names.physical(`${application}.journal`))
    .filter((journal) => existing.has(journal));
  for (const journal of journals) {
    const bounds = await admin.offsets(journal);
    const fences = await Promise.all(
      bounds.map(({ start, end }, partition) => firstWorked(check, journal, partition, start, end)),
    );
    const other = fences.find(
      (fence) => fence !== null && fence.deployment !== topology.deployment,
    );
    if (other) throw deploymentChanged(topology, journal, other.deployment);
  }
}

/** The fence of the first valid batch; null: nothing was handled yet. */
async function firstWorked(
  { codec, reader }: DeploymentCheck,
  topic: string,
  partition: number,
  start: number,
  end: number,
): Promise<Fence | null> {
  const journal = new JournalReader();
  for (let offset = start; offset < end;) {
    const position = { topic, partition, offset };
    const options = {
      maxWaitMs: SHELL_LIMITS.firstBatchWaitMs,
      maxBytes: SHELL_LIMITS.firstBatchBytes,
    };
    const [fetched] = await reader.fetch([position], options);
    if (fetched === undefined || fetched.error !== null)
      throw new KafkaError(
        fetched?.error ?? 'NO_RESULT',
        true,
        `The start of journal ${topic}/${partition} cannot be read; it is tried again.`,
      );
    for (const record of fetched.records) {
      journal.read(record.offset, await decodeChanges(codec, record));
      if (journal.lastWorkedFence !== null) return journal.lastWorkedFence;
    }
    offset = fetched.nextOffset;
  }
  return null;
}

function deploymentChanged(topology: Topology, journal: string, was: string): EngineError {
  const { application, deployment } = topology;
  return new EngineError(
    'DEPLOYMENT_CHANGED',
    'stop',
    `${application} is started ${deployment}, but ${journal} was written ${was}. Set DEPLOYMENT back to ` +
      `${was}; it is fixed for the life of an application.`,
  );
}
