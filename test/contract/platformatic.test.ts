import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { platformaticClient } from '../../kafka/platformatic.ts';
import { freePort } from '../../cli/stack/ports.ts';
import { kafkaClientContract } from './kafka-client.contract.ts';
import { Rig } from './kafka-client/rig.ts';

const PROCESS = fileURLToPath(new URL('./platformatic-process.ts', import.meta.url));
/** From its last word to its end. */
const ENDS_WITHIN_MS = 1_000;

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

kafkaClientContract('platformatic', platformaticClient);
