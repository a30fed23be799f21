// What scripts/setup.mjs sees to, in this order: each step says whether it is needed, and how it is done.
import { spawn, spawnSync } from 'node:child_process';
import { accessSync, constants, existsSync, readFileSync, realpathSync } from 'node:fs';
import { mkdir, readdir, rename, rm } from 'node:fs/promises';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { installDebianPackage } from './debian-package.mjs';

const ROOT = join(dirname(fileURLToPath(import.meta.url)), '..');
const CACHE = join(ROOT, '.cache');
const NODE = join(ROOT, 'node_modules', 'node', 'bin', 'node');
const POM = join(ROOT, 'scripts', 'jars', 'pom.xml');
const versions = JSON.parse(readFileSync(join(ROOT, 'cli', 'stack', 'versions.json'), 'utf8'));
const KAFKA = join(CACHE, `kafka-${versions.kafka}`);
const REGISTRY = join(CACHE, `registry-${versions.registry}`);
const ARCHIVES = [`${KAFKA}.jsa`, `${REGISTRY}.jsa`];
const OLDEST_JAVA = 17;
/** What compiles the models, and the Debian packages that hold it. */
const MODEL_PROGRAMS = [
  { program: 'spin', packages: ['spin'] },
  { program: 'gcc', packages: ['gcc', 'libc6-dev'] },
];
const INSTEAD = 'Or run the servers with docker compose up.';

/** What could not be set up, and what to do. */
export class SetupError extends Error {}

/** The steps for this environment: a server that it names need not be there. */
export function steps(env) {
  const isGiven = (variable) => (env[variable] ?? '').trim() !== '';
  const all = [
    {
      name: 'npm packages',
      isNeeded: () => !arePackagesThere() || !doesNodeRun(),
      install: installPackages,
      remedy: 'Run npm ci. If Node 24 does not run afterwards, remove node_modules first.',
    },
    {
      // Without root they cannot be installed: verify then says so and leaves the models out.
      name: 'spin and gcc (for npm run model)',
      isNeeded: () => MODEL_PROGRAMS.some(isMissing),
      install: installModelPrograms,
      isOptional: true,
      isForModels: true,
    },
    {
      name: 'Java',
      isNeeded: () => javaVersion() < OLDEST_JAVA,
      install: () => installDebianPackage('openjdk-17-jre-headless'),
      remedy: `Install Java ${OLDEST_JAVA} or later (Debian: apt-get install openjdk-17-jre-headless) and put it into PATH. ${INSTEAD}`,
      for: ['KAFKA_BROKERS', 'SCHEMA_REGISTRY_URL'],
    },
    {
      name: 'Maven',
      isNeeded: () => !(existsSync(KAFKA) && existsSync(REGISTRY)) && find('mvn') === null,
      install: () => installDebianPackage('maven'),
      remedy: `Install Maven (Debian: apt-get install maven): it fetches the jars of Kafka and of the registry. ${INSTEAD}`,
      for: ['KAFKA_BROKERS', 'SCHEMA_REGISTRY_URL'],
    },
    {
      name: `Kafka ${versions.kafka}`,
      isNeeded: () => !existsSync(KAFKA),
      install: () => fetchJars('kafka', KAFKA),
      remedy: `Maven has to reach a repository that holds org.apache.kafka:kafka_2.13. ${INSTEAD}`,
      for: ['KAFKA_BROKERS'],
    },
    {
      name: `schema registry ${versions.registry}`,
      isNeeded: () => !existsSync(REGISTRY),
      install: fetchRegistry,
      remedy: `Maven has to reach a repository that holds io.apicurio:apicurio-registry-app. ${INSTEAD}`,
      for: ['SCHEMA_REGISTRY_URL'],
    },
    {
      name: 'Redis',
      isNeeded: () => find('redis-server') === null,
      install: () => installDebianPackage('redis-server'),
      remedy: `Install Redis (Debian: apt-get install redis-server). ${INSTEAD}`,
      for: ['REDIS_URL'],
    },
    {
      name: 'promtool (tests of the alert rules)',
      isNeeded: () => find('promtool') === null,
      install: () => installDebianPackage('prometheus'),
      remedy:
        'Install Prometheus (Debian: apt-get install prometheus), or put its promtool into PATH.',
      isForTests: true,
    },
    {
      name: 'class archives (the servers start in half the time)',
      isNeeded: () => !ARCHIVES.every(existsSync),
      install: () => run(NODE, [join(ROOT, 'cli', 'stack', 'make-archives.ts')]),
      isOptional: true,
      for: ['KAFKA_BROKERS', 'SCHEMA_REGISTRY_URL'],
    },
  ];
  return all.filter((step) => step.for === undefined || !step.for.every(isGiven));
}

function isMissing({ program }) {
  return find(program) === null;
}

function installModelPrograms() {
  for (const { packages } of MODEL_PROGRAMS.filter(isMissing))
    packages.forEach(installDebianPackage);
}

/** Whether node_modules holds what the lock file asks for; packages of other platforms may be missing. */
function arePackagesThere() {
  const lock = readJson(join(ROOT, 'package-lock.json'));
  const installed = readJson(join(ROOT, 'node_modules', '.package-lock.json'));
  if (lock === null || installed === null) return false;
  return Object.entries(lock.packages).every(([path, wanted]) => {
    if (path === '') return true;
    const found = installed.packages[path];
    return found === undefined ? wanted.optional === true : found.version === wanted.version;
  });
}

function readJson(file) {
  try {
    return JSON.parse(readFileSync(file, 'utf8'));
  } catch {
    return null;
  }
}

function doesNodeRun() {
  return spawnSync(NODE, ['--version'], { encoding: 'utf8' }).stdout?.startsWith('v24.') ?? false;
}

async function installPackages() {
  // npm replaces node_modules, and its install scripts must not run on a Node that lies in there.
  const path = (process.env.PATH ?? '').split(delimiter);
  const outside = path.filter((folder) => !folder.startsWith(join(ROOT, 'node_modules')));
  const env = { ...process.env, PATH: outside.join(delimiter) };
  await run('npm', ['ci', '--no-audit', '--no-fund', '--loglevel=error'], { env });
}

/** The major version of the first java in JAVA_HOME and PATH; 0 without one. */
function javaVersion() {
  const java = find('java');
  if (java === null) return 0;
  const release = join(dirname(realpathSync(java)), '..', 'release');
  const text = existsSync(release)
    ? readFileSync(release, 'utf8')
    : spawnSync(java, ['-version'], { encoding: 'utf8' }).stderr;
  return Number(/(?:JAVA_VERSION=|version )"(\d+)/.exec(text ?? '')?.[1] ?? 0);
}

/** Into a folder beside it and then renamed: a folder with the right name is whole. */
async function fetchJars(profile, target) {
  const half = `${target}.half`;
  await rm(half, { recursive: true, force: true });
  await mkdir(half, { recursive: true });
  const properties = Object.entries(versions).map(([name, value]) => `-D${name}.version=${value}`);
  await run('mvn', [
    ...['-B', '-q', '-ntp', '-f', POM, '-P', profile],
    ...properties,
    `-Dcache.folder=${CACHE}`,
    `-DoutputDirectory=${half}`,
    'dependency:copy-dependencies',
  ]);
  await rm(target, { recursive: true, force: true });
  await rename(half, target);
}

async function fetchRegistry() {
  const fetched = `${REGISTRY}.fetched`;
  const half = `${REGISTRY}.half`;
  await fetchJars('registry', fetched);
  const [archive] = await readdir(fetched);
  await rm(half, { recursive: true, force: true });
  await mkdir(half);
  await run('tar', ['-xzf', join(fetched, archive), '-C', half]);
  await rename(half, REGISTRY);
  await rm(fetched, { recursive: true });
}

function find(program) {
  const home = process.env.JAVA_HOME;
  const folders = [
    ...(home ? [join(home, 'bin')] : []),
    ...(process.env.PATH ?? '').split(delimiter),
    '/usr/sbin',
    '/sbin',
  ];
  return folders.map((folder) => join(folder, program)).find(isExecutable) ?? null;
}

function isExecutable(file) {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** Its output is shown only when it fails. */
function run(program, args, options = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, {
      cwd: ROOT,
      stdio: ['ignore', 'pipe', 'pipe'],
      ...options,
    });
    let output = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', (bytes) => (output = (output + bytes).slice(-4000)));
    }
    child.on('error', (error) => reject(new SetupError(`${program}: ${error.message}`)));
    child.on('close', (code) => {
      if (code === 0) resolve();
      else reject(new SetupError(`${program} gave exit code ${code}:\n${output.trim()}`));
    });
  });
}
