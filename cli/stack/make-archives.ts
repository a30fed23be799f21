// Makes class archives of Kafka and of the registry, so that later starts take half the processor time (JDK's AppCDS:
// each is started once, and writes the classes it has loaded when it ends).
import { existsSync } from 'node:fs';
import { mkdtemp, rename, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { endChild, launch, untilReady } from './launch.ts';
import { kafkaPart } from './kafka.ts';
import type { Part } from './part.ts';
import { freePort } from './ports.ts';
import { KAFKA_ARCHIVE, REGISTRY_ARCHIVE } from './programs.ts';
import { registryPart } from './registry.ts';

/** Writing 50 MB of classes, on a slow machine. */
const ARCHIVE_TIMEOUT_MS = 60_000;

async function makeArchive(part: Part, archive: string, folder: string): Promise<void> {
  if (existsSync(archive)) return;
  const logFile = join(folder, `${part.name}.log`);
  const half = `${archive}.${process.pid}`;
  const { file, args } = await part.prepare();
  const command = { file, args: [`-XX:ArchiveClassesAtExit=${half}`, ...args] };
  const running = await launch(part.name, command, logFile);
  try {
    await untilReady(part, running, { logFile });
  } finally {
    await endChild(part, running, ARCHIVE_TIMEOUT_MS);
  }
  await rename(half, archive);
}

const folder = await mkdtemp(join(tmpdir(), 'millrace-archives-'));
try {
  const place = async (name: string): Promise<{ port: number; folder: string }> => ({
    port: await freePort(),
    folder: join(folder, name),
  });
  await Promise.all([
    makeArchive(kafkaPart(await place('kafka')), KAFKA_ARCHIVE, folder),
    makeArchive(registryPart(await place('registry')), REGISTRY_ARCHIVE, folder),
  ]);
} finally {
  await rm(folder, { recursive: true, force: true });
}
