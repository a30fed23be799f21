// Fetches what `npm run bench` compares with: node bench/peers/set-up.mjs [streams] [npm] [restate] [quix] [faust]; all without them.
// Kafka Streams by Maven, compiled with javac; npm's and PyPI's packages in folders of their own under .cache, so that the system
// itself depends on none. Plain Node 20 without packages; does nothing when everything is there.
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { copyFile, mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const HERE = dirname(fileURLToPath(import.meta.url));
const ROOT = join(HERE, '..', '..');
const CACHE = join(ROOT, '.cache');
const json = (...path) => JSON.parse(readFileSync(join(ROOT, ...path), 'utf8'));
const versions = json('cli', 'stack', 'versions.json');
const python = json('bench', 'peers', 'python', 'versions.json');

function run(file, args, remedy) {
  const { status, error, stdout, stderr } = spawnSync(file, args, { encoding: 'utf8' });
  if (error === undefined && status === 0) return;
  const said = `${stdout ?? ''}${stderr ?? ''}`.slice(-2_000);
  throw new Error(`${file}: ${error?.message ?? `exit code ${status}`}. ${remedy}\n${said}`);
}

/** Made beside its place and moved there when it is whole. */
async function made(folder, make) {
  const making = `${folder}.making`;
  await rm(making, { recursive: true, force: true });
  await mkdir(making, { recursive: true });
  await make(making);
  await rm(folder, { recursive: true, force: true });
  await rename(making, folder);
}

async function streams() {
  const folder = join(CACHE, `kafka-streams-${versions.kafka}`);
  const classFile = join(folder, 'classes', 'Chain.class');
  const source = join(HERE, 'kafka-streams', 'src', 'Chain.java');
  const remedy =
    'Kafka Streams needs Maven and a JDK (Debian: apt-get install maven openjdk-17-jdk-headless).';
  const kept = join(folder, 'Chain.java');
  if (existsSync(classFile) && existsSync(kept)) {
    if (readFileSync(kept, 'utf8') === readFileSync(source, 'utf8')) return;
    run('javac', ['-cp', `${folder}/*`, '-d', join(folder, 'classes'), source], remedy);
    return copyFile(source, kept);
  }
  await made(folder, async (making) => {
    await mkdir(join(making, 'classes'));
    const settings = [
      `-Dcache.folder=${making}`,
      `-Dkafka.version=${versions.kafka}`,
      `-Dslf4j.version=${versions.slf4j}`,
    ];
    const goal = ['dependency:copy-dependencies', `-DoutputDirectory=${making}`];
    run(
      'mvn',
      ['-q', '-B', '-f', join(HERE, 'kafka-streams', 'pom.xml'), ...settings, ...goal],
      remedy,
    );
    run('javac', ['-cp', `${making}/*`, '-d', join(making, 'classes'), source], remedy);
    await rm(join(making, 'target'), { recursive: true, force: true });
    await copyFile(source, join(making, 'Chain.java'));
  });
}

/** Packages of npm, in the folder of that name beside this file and under .cache. */
const npmPeer = (name) => async () => {
  const folder = join(CACHE, `peers-${name}`);
  const wanted = readFileSync(join(HERE, name, 'package.json'), 'utf8');
  const file = join(folder, 'package.json');
  if (existsSync(file) && readFileSync(file, 'utf8') === wanted) return;
  await made(folder, async (making) => {
    await writeFile(join(making, 'package.json'), wanted);
    const quiet = ['--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'];
    run('npm', ['install', '--prefix', making, ...quiet], 'It needs npm and its registry.');
  });
};

/** A virtual environment names its own place, so it is made there, and said to be whole by a file. */
const pythonPeer = (name) => async () => {
  const folder = join(CACHE, `peers-${name}`);
  const packages = Object.entries(python[name]).map(([each, version]) => `${each}==${version}`);
  const ready = join(folder, 'ready');
  if (existsSync(ready) && readFileSync(ready, 'utf8') === packages.join('\n')) return;
  await rm(folder, { recursive: true, force: true });
  const remedy = 'It needs Python 3 with venv (Debian: apt-get install python3-venv).';
  run(process.env.PYTHON ?? 'python3', ['-m', 'venv', folder], remedy);
  const pip = ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check'];
  run(join(folder, 'bin', 'python'), [...pip, ...packages], remedy);
  await writeFile(ready, packages.join('\n'));
};

const PEERS = {
  streams,
  ...{ npm: npmPeer('npm'), restate: npmPeer('restate') },
  ...{ quix: pythonPeer('quix'), faust: pythonPeer('faust') },
};
const asked = process.argv.slice(2);
const unknown = asked.filter((name) => !Object.hasOwn(PEERS, name));
if (unknown.length > 0) {
  console.error(`No such peer: ${unknown.join(', ')}; known are ${Object.keys(PEERS).join(', ')}.`);
  process.exit(2);
}
for (const name of asked.length > 0 ? asked : Object.keys(PEERS)) {
  try {
    await PEERS[name]();
  } catch (error) {
    console.error(`${name} could not be fetched: ${error.message}`);
    process.exitCode = 1;
  }
}
