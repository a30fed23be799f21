import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { answers, type Command, type Part } from './part.ts';
import {
  archiveOption,
  REGISTRY_ARCHIVE,
  needFile,
  needProgram,
  REGISTRY_JAR,
} from './programs.ts';

/** The Confluent API of the registry on a port of this machine. */
export function registryUrl(port: number): string {
  return `http://127.0.0.1:${port}/apis/ccompat/v7`;
}

/** Apicurio's schema registry; its schemas and ids are in a file of `folder` and survive a restart. */
export function registryPart(options: { readonly port: number; readonly folder: string }): Part {
  const { port, folder } = options;
  return {
    name: 'registry',
    port,
    portVariable: 'SCHEMA_REGISTRY_PORT',
    stopSignal: 'SIGTERM',
    prepare: () => prepare(port, folder),
    probe: () =>
      answers(async (signal) => {
        const response = await fetch(`${registryUrl(port)}/subjects`, { signal });
        await response.arrayBuffer();
        return response.ok;
      }),
  };
}

async function prepare(port: number, folder: string): Promise<Command> {
  const java = needProgram('java', 'registry', 'openjdk-17-jre-headless');
  needFile(REGISTRY_JAR, 'registry');
  await mkdir(folder, { recursive: true });
  const settings = {
    'quarkus.http.host': '127.0.0.1',
    'quarkus.http.port': String(port),
    // Without a delay: an id that was given out is on the disk, whatever happens next.
    'quarkus.datasource.jdbc.url': `jdbc:h2:file:${join(folder, 'db')};WRITE_DELAY=0`,
    'quarkus.banner.enabled': 'false',
    'quarkus.log.level': 'WARN',
    LOG_LEVEL: 'WARN',
    REGISTRY_LOG_LEVEL: 'WARN',
    'java.net.preferIPv4Stack': 'true',
  };
  const args = [
    ...archiveOption(REGISTRY_ARCHIVE),
    '-Xmx256m',
    '-XX:+UseSerialGC',
    '-XX:TieredStopAtLevel=1',
    '-XX:+ExitOnOutOfMemoryError',
    ...Object.entries(settings).map(([name, value]) => `-D${name}=${value}`),
    '-jar',
    REGISTRY_JAR,
  ];
  return { file: java, args };
}
