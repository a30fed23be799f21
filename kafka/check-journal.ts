import { EngineError } from '../engine/errors.ts';
import type { Fence } from '../engine/journal.ts';
import type { JournalReader } from '../engine/journal-reader.ts';
import type { Topology } from '../engine/topology.ts';
import type { TermMode } from './term-options.ts';

/**
 * Whether this code may go on with what the journal holds.
 *
 * Throws: EngineError DEPLOYMENT_CHANGED (stop), STATE_TOO_NEW (stop) for states written by newer code,
 * EDGES_CHANGED (retake) for a graph that has to be drained first (J6).
 */
export function checkJournal(
  { lastWorkedFence: worked, state }: JournalReader,
  topology: Topology,
  own: Fence,
  mode: TermMode,
): void {
  if (worked === null) return;
  if (worked.deployment !== own.deployment)
    throw new EngineError(
      'DEPLOYMENT_CHANGED',
      'stop',
      `The journal of ${own.application} was written ${worked.deployment}, this process runs it ` +
        `${own.deployment}. Set the deployment back; it is fixed for the life of an application.`,
    );
  refuseDowngrade(topology, state.versions);
  if (mode === 'normal' && worked.edges_hash !== own.edges_hash)
    throw new EngineError(
      'EDGES_CHANGED',
      'retake',
      `The journal of ${own.application} was written by another graph; it is drained first.`,
    );
}

function refuseDowngrade(
  { actors, application }: Topology,
  versions: ReadonlyMap<string, number>,
): void {
  for (const { name, state } of actors) {
    const written = versions.get(name) ?? 0;
    if (written <= state.version) continue;
    throw new EngineError(
      'STATE_TOO_NEW',
      'stop',
      `The journal of ${application} holds states of ${name} in version ${written}, this code knows ` +
        `${state.version}; deploy the newer code again.`,
    );
  }
}
