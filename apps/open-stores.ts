import { rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Topology } from '../engine/topology.ts';
import type { ApplicationOptions } from '../kafka/application-runner.ts';
import { LmdbStore } from '../kafka/lmdb-store.ts';
import type { AppContext } from './app.ts';

/** The local stores of an application's tasks, as STATE_STORE and MILLRACE_DATA have it. */
export function openStores(
  { config, log, services, metrics }: AppContext,
  { application }: Topology,
): Pick<ApplicationOptions, 'openStore'> {
  const { stateStore, dataFolder } = config.local;
  if (stateStore === 'memory') return {};
  const applicationFolder = join(dataFolder, 'state', services.names.physical(application));
  return {
    openStore(partition, how) {
      const folder = join(applicationFolder, String(partition));
      if (how === 'empty') rmSync(folder, { recursive: true, force: true });
      return LmdbStore.open(folder, (reason) => {
        metrics.storesDiscardedTotal.inc({ application, partition });
        log.warn({ application, partition, reason }, 'the local store is made anew');
      });
    },
  };
}
