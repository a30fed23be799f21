import { spawn } from 'node:child_process';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { platformaticClient } from '../../kafka/platformatic.ts';
import { freePort } from '../../cli/stack/ports.ts';
import { kafkaClientContract } from './kafka-client.contract.ts';
import { eventually } from '../support/eventually.ts';
import { Rig } from './kafka-client/rig.ts';

const PROCESS = fileURLToPath(new URL('./platformatic-process.ts', import.meta.url));
/** From its last word to its end. */
const ENDS_WITHIN_MS = 4_000;

interface Ended {
  readonly output: string;
  readonly code: number | null;
  readonly lingeredMs: number;
}

function run(...args: readonly string[]): Promise<Ended> {
  const child = spawn(process.execPath, [PROCESS, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  let saidAt = Infinity;
  const onOutput = (chunk: Buffer): void => {
    output += chunk.toString();
    saidAt = performance.now();
  };
  child.stdout.on('data', onOutput);
  child.stderr.on('data', onOutput);
  return new Promise((resolve) =>
    child.once('close', (code) =>
      resolve({ output, code, lingeredMs: performance.now() - saidAt }),
    ),
  );
}

describe('process of the platformatic adapter', () => {
  it('J5a ends by itself as soon as everything is closed', async () => {
    const rig = new Rig(platformaticClient, process.env['KAFKA_BROKERS'] ?? '');
    for (const how of ['stay', 'leave']) {
      const ended = await run(rig.broker, await rig.topic(), how);
      expect(ended).toMatchObject({ output: 'closed', code: 0 });
      expect(ended.lingeredMs).toBeLessThan(ENDS_WITHIN_MS);
    }
    await rig.end();
  });

  it('J5a ends by itself, and without a rejection nobody handles, when the broker is away', async () => {
    const ended = await run(`127.0.0.1:${await freePort()}`, 'contract-away', 'leave');
    expect(ended).toMatchObject({ output: 'closed, never there', code: 0 });
    expect(ended.lingeredMs).toBeLessThan(ENDS_WITHIN_MS);
  });
});

describe('connections of the platformatic adapter', () => {
  it('F25 loses sight of no connection that is made right after one that failed', async () => {
    const rig = new Rig(platformaticClient, process.env['KAFKA_BROKERS'] ?? '');
    const proxy = await rig.proxy();
    const admin = rig.client({ proxy }).admin();
    await admin.ping(2_000);
    await proxy.refuse();
    proxy.resetAll();
    await eventually('the connection is gone', () => proxy.connections === 0);
    // The library tries the same address again at once: as the bootstrap's and as the broker's own.
    const failed = 'tracing:plt:kafka:connections:connects:error';
    const onFailed = (): void => void proxy.accept();
    subscribe(failed, onFailed);
    await admin.ping(2_000);
    unsubscribe(failed, onFailed);
    await admin.ping(2_000);
    expect(proxy.connections).toBeGreaterThan(0);
    await admin.close();
    await eventually('none is left', () => proxy.connections === 0, 2_000);
    await rig.end();
  });
});

kafkaClientContract('platformatic', platformaticClient);
