import { spawnSync } from 'node:child_process';
import { join } from 'node:path';

/*
 * npm run test:broker: what this system expects of a broker and a registry, asked of those that KAFKA_BROKERS and
 * SCHEMA_REGISTRY_URL name. Starts none, stops none, and removes the topics that it makes (`contract-…`, `script-…`,
 * `engine-…`). Exit 0: all of it holds; 1: not; 2: nothing was named.
 */

const ROOT = join(import.meta.dirname, '..', '..');

/** Contract tests of both clients, a script compared with the simulated broker, and the registry. */
const TESTS = [
  'test/contract/platformatic.test.ts',
  'test/contract/kafkajs.test.ts',
  'test/contract/broker-script.test.ts',
  'test/integration/registry.test.ts',
];
/** They stop a broker of their own, of this repository's making. */
const BUT = '^(?!.*broker restart)';
/** Faults of the processes, not of the broker. */
const FAULTS = ['kill', 'zombie', 'deploy'];

const missing = ['KAFKA_BROKERS', 'SCHEMA_REGISTRY_URL'].filter((name) => !process.env[name]);
if (missing.length > 0) {
  console.error(
    `${missing.join(' and ')} must name what is to be tested: KAFKA_BROKERS=host:port ` +
      'SCHEMA_REGISTRY_URL=http://host:port npm run test:broker',
  );
  process.exit(2);
}

const passed = [
  run('node_modules/vitest/vitest.mjs', 'run', '--project', 'servers', '-t', BUT, ...TESTS),
  run(
    'test/support/fault-rounds.ts',
    ...['--rounds', '1'],
    ...FAULTS.flatMap((kind) => ['--kind', kind]),
  ),
];
process.exitCode = passed.every(Boolean) ? 0 : 1;

function run(file: string, ...args: readonly string[]): boolean {
  const env = { ...process.env, MILLRACE_TEST_STACK: 'given' };
  const { status } = spawnSync(process.execPath, [join(ROOT, file), ...args], {
    cwd: ROOT,
    env,
    stdio: 'inherit',
  });
  return status === 0;
}
