import { spawn, type StdioOptions } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { freePort } from '../../../cli/stack/ports.ts';
import { kafkaClient, type KafkaClientName } from '../../../kafka/clients.ts';
import { Rig } from './rig.ts';

const PROCESS = fileURLToPath(new URL('../client-process.ts', import.meta.url));
/** From its last word to its end. */
const ENDS_WITHIN_MS = 4_000;

interface Ended {
  readonly output: string;
  readonly code: number | null;
  readonly lingeredMs: number;
}

function run(library: KafkaClientName, ...args: readonly string[]): Promise<Ended> {
  const env = { ...process.env, KAFKA_CLIENT: library };
  const stdio: StdioOptions = ['ignore', 'pipe', 'pipe'];
  const child = spawn(process.execPath, [PROCESS, ...args], { env, stdio });
  let output = '';
  let saidAt = Infinity;
  const onOutput = (chunk: Buffer): void => {
    output += chunk.toString();
    saidAt = performance.now();
  };
  child.stdout?.on('data', onOutput);
  child.stderr?.on('data', onOutput);
  return new Promise((resolve) =>
    child.once('close', (code) =>
      resolve({ output, code, lingeredMs: performance.now() - saidAt }),
    ),
  );
}

/** A process that has closed everything has nothing left that holds it. */
export function processContract(library: KafkaClientName): void {
  describe(`process of the ${library} adapter`, () => {
    it('J5a ends by itself as soon as everything is closed', async () => {
      const rig = new Rig(
        (options) => kafkaClient(library, options),
        process.env['KAFKA_BROKERS'] ?? '',
      );
      for (const how of ['stay', 'leave']) {
        const ended = await run(library, rig.broker, await rig.topic(), how);
        expect(ended).toMatchObject({ output: 'closed', code: 0 });
        expect(ended.lingeredMs).toBeLessThan(ENDS_WITHIN_MS);
      }
      await rig.end();
    });

    it('J5a ends by itself, and without a rejection nobody handles, when the broker is away', async () => {
      const ended = await run(library, `127.0.0.1:${await freePort()}`, 'contract-away', 'leave');
      expect(ended).toMatchObject({ output: 'closed, never there', code: 0 });
      expect(ended.lingeredMs).toBeLessThan(ENDS_WITHIN_MS);
    });
  });
}
