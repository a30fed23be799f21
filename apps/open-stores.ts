import { existsSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { StateStore } from '../engine/state-store.ts';
import type { Topology } from '../engine/topology.ts';
import type { Config } from './config.ts';
import type { ApplicationOptions } from '../kafka/application-runner.ts';
import { LmdbStore } from '../kafka/lmdb-store.ts';
import type { Log } from '../kafka/log.ts';
import type { TopicNames } from '../kafka/topic-names.ts';

type StoreOptions = Pick<ApplicationOptions, 'openStore' | 'warmth' | 'standbys'>;

/** What the stores need of an app's context. */
export interface StoreSurroundings {
  readonly config: {
    readonly local: Pick<Config['local'], 'dataFolder' | 'stateStore' | 'standbys'>;
  };
  readonly log: Pick<Log, 'warn'>;
  readonly services: { readonly names: TopicNames };
  readonly metrics: {
    readonly storesDiscardedTotal: {
      inc(labels: { readonly application: string; readonly partition: number }): void;
    };
  };
}

/**
 * The local stores of an application's tasks, as STATE_STORE and MILLRACE_DATA have it, and how far each has followed its
 * journal: those that this process has open, and those that it left or found (J5b).
 */
export function openStores(
  { config, log, services, metrics }: StoreSurroundings,
  { application }: Pick<Topology, 'application'>,
): StoreOptions {
  const { stateStore, dataFolder } = config.local;
  if (stateStore === 'memory') return {};
  const applicationFolder = join(dataFolder, 'state', services.names.physical(application));
  const folderOf = (partition: number): string => join(applicationFolder, String(partition));
  const open = (partition: number): Promise<LmdbStore> =>
    LmdbStore.open(folderOf(partition), (reason) => {
      metrics.storesDiscardedTotal.inc({ application, partition });
      log.warn({ application, partition, reason }, 'the local store is made anew');
    });
  const known = storesIn(applicationFolder);
  return {
    standbys: config.local.standbys,
    async openStore(partition, how) {
      if (how === 'empty') rmSync(folderOf(partition), { recursive: true, force: true });
      const store = await open(partition);
      known.set(partition, store);
      return store;
    },
    warmth: () =>
      Object.fromEntries(
        [...known].flatMap(([partition, { checkpoint }]) =>
          checkpoint === null ? [] : [[partition, checkpoint.offset]],
        ),
      ),
  };
}

/** What stands on the disk, looked at once; a store that another process has is that one's. */
function storesIn(folder: string): Map<number, Pick<StateStore, 'checkpoint'>> {
  const found = new Map<number, Pick<StateStore, 'checkpoint'>>();
  if (!existsSync(folder)) return found;
  const partitions = readdirSync(folder).filter((name) => /^\d+$/.test(name));
  for (const partition of partitions.map(Number)) {
    try {
      found.set(partition, { checkpoint: LmdbStore.checkpointIn(join(folder, String(partition))) });
    } catch {
      // Its task says so when it opens it; nobody is warm here.
    }
  }
  return found;
}
