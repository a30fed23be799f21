import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { endChild, launch, untilReady, type Running } from '../../cli/stack/launch.ts';
import type { Part } from '../../cli/stack/part.ts';
import { freePorts } from '../../cli/stack/ports.ts';
import { ADDRESS_VARIABLE, addressOf, serverParts, SERVERS } from '../../cli/stack/servers.ts';
import { watchCloneData } from './clone-data.ts';

/**
 * Vitest's global set-up of the project `servers`: a Kafka, a registry, a Postgres and a Redis of the tests' own, on free
 * ports and in a folder that is removed afterwards. The addresses and a data folder are in the environment of every test. The
 * run fails when something wrote to the clone's own data folder.
 *
 * With MILLRACE_TEST_STACK=given the servers that the four address variables name are used instead.
 */
export default async function setUp(): Promise<() => Promise<void>> {
  const refuseWrites = watchCloneData();
  if (process.env['MILLRACE_TEST_STACK'] === 'given') return async () => refuseWrites();
  const folder = await mkdtemp(join(tmpdir(), 'millrace-test-'));
  const [kafka = 0, registry = 0, postgres = 0, redis = 0] = await freePorts(SERVERS.length);
  const ports = { kafka, registry, postgres, redis };
  const parts = Object.values(serverParts(ports, folder));
  const started: { part: Part; running: Running }[] = [];
  const tearDown = async (): Promise<void> => {
    await Promise.all(started.map(({ part, running }) => endChild(part, running)));
    await rm(folder, { recursive: true, force: true });
  };
  const outcomes = await Promise.allSettled(
    parts.map(async (part) => {
      const logFile = join(folder, 'log', `${part.name}.log`);
      const running = await launch(part.name, await part.prepare(), logFile);
      started.push({ part, running });
      await untilReady(part, running, { logFile });
    }),
  );
  const failed = outcomes.find((outcome) => outcome.status === 'rejected');
  if (failed !== undefined) {
    await tearDown();
    throw failed.reason;
  }
  for (const name of SERVERS) process.env[ADDRESS_VARIABLE[name]] = addressOf(name, ports[name]);
  process.env['MILLRACE_DATA'] = join(folder, 'data');
  return async () => {
    await tearDown();
    refuseWrites();
  };
}
