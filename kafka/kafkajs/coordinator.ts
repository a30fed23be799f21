import type { Cluster } from './cluster.ts';
import { failOn } from './errors.ts';
import type { Link } from './link.ts';

interface CoordinatorAnswer {
  readonly errorCode: number;
  readonly coordinator: { readonly nodeId: number };
}

/** A connection to the broker that keeps a group. Throws: KafkaError, the library's errors. */
export async function coordinatorOf(cluster: Cluster, groupId: string): Promise<Link> {
  const asked = await cluster.anyone();
  const answer = await asked.ask<CoordinatorAnswer>('GroupCoordinator', { groupId });
  failOn(answer.errorCode, `looking for the coordinator of group ${groupId}`);
  const { nodeId } = answer.coordinator;
  if (cluster.addressOf(nodeId) === undefined) await cluster.ping();
  return cluster.to(nodeId);
}
