// Fetches the jars of Kafka Streams with Maven and compiles its chain: what `npm run bench -- quick` compares with. Needs mvn and a
// JDK (javac). Plain Node 20 without packages; does nothing when everything is there.
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { mkdir, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const HERE = dirname(fileURLToPath(import.meta.url));
const ROOT = join(HERE, '..', '..');
const versions = JSON.parse(readFileSync(join(ROOT, 'cli', 'stack', 'versions.json'), 'utf8'));
const FOLDER = join(ROOT, '.cache', `kafka-streams-${versions.kafka}`);

function run(file, args) {
  const { status, error, stdout, stderr } = spawnSync(file, args, { encoding: 'utf8' });
  if (error === undefined && status === 0) return;
  const said = `${stdout ?? ''}${stderr ?? ''}`.slice(-2_000);
  console.error(
    `${file} failed: ${error?.message ?? `exit code ${status}`}. Kafka Streams needs Maven and a JDK ` +
      `(Debian: apt-get install maven openjdk-17-jdk-headless).\n${said}`,
  );
  process.exit(1);
}

if (!existsSync(join(FOLDER, 'classes', 'Chain.class'))) {
  const making = `${FOLDER}.making`;
  await rm(making, { recursive: true, force: true });
  await mkdir(join(making, 'classes'), { recursive: true });
  run('mvn', [
    '-q',
    '-B',
    '-f',
    join(HERE, 'kafka-streams', 'pom.xml'),
    `-Dcache.folder=${making}`,
    `-Dkafka.version=${versions.kafka}`,
    `-Dslf4j.version=${versions.slf4j}`,
    'dependency:copy-dependencies',
    `-DoutputDirectory=${making}`,
  ]);
  run('javac', [
    '-cp',
    `${making}/*`,
    '-d',
    join(making, 'classes'),
    join(HERE, 'kafka-streams', 'src', 'Chain.java'),
  ]);
  await rm(join(making, 'target'), { recursive: true, force: true });
  await rm(FOLDER, { recursive: true, force: true });
  await rename(making, FOLDER);
}
