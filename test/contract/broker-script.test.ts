import { randomUUID } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { platformaticClient } from '../../kafka/platformatic.ts';
import { SimulatedBroker } from '../../testing/simulation/broker.ts';
import { SimulatedClient } from '../../testing/simulation/client.ts';
import { FaultSchedule } from '../../testing/simulation/fault.ts';
import { SimulatedProcess } from '../../testing/simulation/process.ts';
import { World } from '../../testing/simulation/world.ts';
import { eventually } from '../support/eventually.ts';
import { type Operation, ScriptRun, scriptOf } from './broker-script.ts';

const PREFIX = 'script-';
const SEEDS = [1, 2, 3, 4];
const LENGTH = 60;

async function askReal(script: readonly Operation[]): Promise<readonly string[]> {
  const brokers = (process.env['KAFKA_BROKERS'] ?? '').split(',');
  const client = platformaticClient({ brokers, clientId: 'broker-script' });
  const run = new ScriptRun(client, `${PREFIX}${randomUUID().slice(0, 8)}-`, (what, isSo) =>
    eventually(what, isSo, 60_000),
  );
  try {
    return await run.answers(script);
  } finally {
    await run.end();
  }
}

/** The same, of the broker that the simulation runs on, without any faults, in virtual time. */
async function askSimulated(
  seed: number,
  script: readonly Operation[],
): Promise<readonly string[]> {
  const world = new World(seed);
  const broker = new SimulatedBroker(world, { appended: () => {}, committed: () => {} });
  const process = new SimulatedProcess(world, 'script');
  const client = new SimulatedClient({
    world,
    broker,
    process,
    faults: new FaultSchedule([]),
    slot: 0,
    requestTimeoutMs: 10_000,
    onCrash: () => {},
  });
  const wait = async (what: string, isSo: () => boolean | Promise<boolean>): Promise<void> => {
    for (let waitedMs = 0; !(await isSo()); waitedMs += 50) {
      if (waitedMs > 60_000) throw new Error(`not within a minute: ${what}`);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  };
  const asked = world.enter(process, () => new ScriptRun(client, PREFIX, wait).answers(script));
  let isOver = false;
  const end = (): void => void (isOver = true);
  asked.then(end, end);
  await world.run(() => isOver);
  return asked;
}

describe('the simulated broker', () => {
  it.each(SEEDS)(
    'J4 answers as the real one does, script %i',
    { timeout: 300_000 },
    async (seed) => {
      const script = scriptOf(seed, LENGTH);
      expect(await askSimulated(seed, script)).toEqual(await askReal(script));
    },
  );
});
