import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openStores } from '../../apps/open-stores.ts';
import type { Checkpoint } from '../../engine/state-store.ts';
import { LmdbStore } from '../../kafka/lmdb-store.ts';
import { TopicNames } from '../../kafka/topic-names.ts';

const checkpoint = (offset: number): Checkpoint => {
  const place = { offset, fence: 0, n: offset };
  const fenceRecord = {
    ...{ application: 'app', task: 0, member: 'm', host: 'h', generation: 1 },
    ...{ deployment: 'fused' as const, edges_hash: '', time: 0 },
  };
  return { ...place, topicId: 't', time: 0, fenceRecord, emitsFrom: place };
};

let dataFolder: string;
beforeEach(() => {
  dataFolder = mkdtempSync(join(tmpdir(), 'millrace-stores-'));
});
afterEach(() => rmSync(dataFolder, { recursive: true, force: true }));

function opened(stateStore = 'lmdb') {
  const context = {
    config: { local: { stateStore, dataFolder } },
    services: { names: new TopicNames('') },
  };
  return openStores(context as unknown as Parameters<typeof openStores>[0], { application: 'app' });
}

describe('the local stores of an application', () => {
  it('J5b say how far those have come that are open, were left, or were found', async () => {
    const folder = join(dataFolder, 'state', 'app');
    const found = await LmdbStore.open(join(folder, '3'));
    await found.write([], checkpoint(7));
    await found.close();
    const { openStore, warmth } = opened();
    expect(warmth?.()).toEqual({ 3: 7 });
    const store = await openStore?.(1, 'kept');
    expect(warmth?.()).toEqual({ 3: 7 });
    await store?.write([], checkpoint(5));
    expect(warmth?.()).toEqual({ 1: 5, 3: 7 });
    await store?.close();
    expect(warmth?.()).toEqual({ 1: 5, 3: 7 });
    const anew = await openStore?.(3, 'empty');
    expect(warmth?.()).toEqual({ 1: 5 });
    await anew?.close();
  });

  it('J5b leave to another process what it has', async () => {
    const folder = join(dataFolder, 'state', 'app');
    const others = await LmdbStore.open(join(folder, '0'));
    await others.write([], checkpoint(7));
    expect(opened().warmth?.()).toEqual({});
    await others.close();
  });

  it('J5b are none where states stand in memory', () => {
    expect(opened('memory')).toEqual({});
  });
});
