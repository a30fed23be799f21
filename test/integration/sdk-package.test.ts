import { execFile } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ROOT } from '../../cli/stack/programs.ts';
import { pythonOf } from '../../scripts/python-packages.mjs';
import { type BotTopic, createBotTopic } from '../support/bot-topic.ts';

const run = promisify(execFile);
const LIMIT_MS = 300_000;
const REGISTRY = process.env['SCHEMA_REGISTRY_URL'] ?? '';

let folder: string;
let topic: BotTopic;
let env: NodeJS.ProcessEnv;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'millrace-package-'));
  topic = await createBotTopic(process.env['KAFKA_BROKERS'] ?? '', REGISTRY);
  env = { ...process.env, TOPIC_PREFIX: topic.prefix };
});

afterAll(async () => {
  await topic.close();
  await rm(folder, { recursive: true });
});

/** The first block of a README in this language. */
async function snippet(sdk: string, language: string): Promise<string> {
  const text = await readFile(join(ROOT, 'sdk', sdk, 'README.md'), 'utf8');
  const found = new RegExp(`\`\`\`${language}\n([\\s\\S]*?)\`\`\``).exec(text)?.[1];
  if (found === undefined) throw new Error(`the README of ${sdk} has no ${language} block`);
  return found;
}

/** Each call is refused by its types: an `@ts-expect-error` over one that is not is an error itself. */
const WRONG_CALLS = `
import type { BotProducer, Emitted } from '@millrace/bots';
export async function calls(bot: BotProducer): Promise<Emitted | null> {
  await bot.emit('state_snapshot', { state: 'running', own: { a: 1 } });
  // @ts-expect-error: no such event
  await bot.emit('order_updated', { client_order_id: 'c-1' });
  // @ts-expect-error: client_order_id is missing
  await bot.emit('order_cancelled', { reason: 'stale' });
  // @ts-expect-error: the payload of another event
  await bot.emit('risk_decision', { state: 'running' });
  // @ts-expect-error: no such state
  return bot.emit.nowait('state_snapshot', { state: 'stopped' });
}
`;

/** The three events that the README's bot emits, of the chain that it says. */
async function expectChain(out: string): Promise<void> {
  const correlation = /emitted (\S+)/.exec(out)?.[1];
  const chain = (await topic.records()).filter(({ key }) => key?.toString() === correlation);
  expect(chain.map(({ headers }) => headers['event_type'])).toEqual([
    'risk_decision',
    'order_created',
    'order_cancelled',
  ]);
}

describe('the packages of the SDKs', () => {
  it(
    'K-11 S-43 the TypeScript package installs from its tarball in an empty folder, and its README’s bot runs and type-checks there',
    async () => {
      const source = join(ROOT, 'sdk', 'typescript');
      const packed = await run('npm', ['pack', '--json', '--pack-destination', folder], {
        cwd: source,
      });
      const json = packed.stdout.slice(packed.stdout.indexOf('[\n'));
      const [{ filename }] = JSON.parse(json) as [{ filename: string }];
      await writeFile(join(folder, 'package.json'), '{ "type": "module" }');
      const quiet = ['--no-audit', '--no-fund', '--prefer-offline', '--omit=peer'];
      await run('npm', ['install', ...quiet, join(folder, filename)], { cwd: folder });
      await writeFile(join(folder, 'bot.ts'), await snippet('typescript', 'ts'));
      await symlink(join(ROOT, 'node_modules', '@types'), join(folder, 'node_modules', '@types'));
      const strict = ['--strict', '--noEmit', '--module', 'nodenext', '--target', 'es2024'];
      const compiler = join(ROOT, 'node_modules', 'typescript', 'bin', 'tsc');
      await writeFile(join(folder, 'wrong.ts'), WRONG_CALLS);
      const check = [
        compiler,
        ...strict,
        '--skipLibCheck',
        '--types',
        'node',
        'bot.ts',
        'wrong.ts',
      ];
      await run(process.execPath, check, { cwd: folder });
      const { stdout } = await run(process.execPath, ['bot.ts'], { cwd: folder, env });
      await expectChain(stdout);
    },
    LIMIT_MS,
  );

  it(
    'K-11 S-43 the wheel installs with what it needs in a virtual environment, and the README’s bot and the example run there',
    async () => {
      const venv = join(folder, 'venv');
      const python = join(venv, 'bin', 'python');
      // With the environment's tools: the build asks the network for nothing.
      const project = join(ROOT, 'sdk', 'python');
      const build = ['-m', 'pip', 'wheel', '--no-deps', '--no-build-isolation', '--quiet'];
      await run(pythonOf(), [...build, '--wheel-dir', folder, project], { cwd: folder });
      await run(pythonOf(), ['-m', 'venv', venv]);
      const wheel = (await readdir(folder)).find((name) => name.endsWith('.whl')) ?? '';
      const pip = ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check'];
      await run(python, [...pip, join(folder, wheel)], { cwd: folder });
      await writeFile(join(folder, 'bot.py'), await snippet('python', 'python'));
      const where = 'import millrace_bots; print(millrace_bots.__file__)';
      const own = { cwd: folder, env: { ...env, PYTHONPATH: '' } };
      expect((await run(python, ['-c', where], own)).stdout).toContain(venv);
      const { stdout } = await run(python, ['bot.py'], own);
      await expectChain(stdout);
      const BOT_SPOOL = join(folder, 'wheel-example');
      const example = [join(ROOT, 'examples', 'bot.py'), '2'];
      const ran = await run(python, example, { ...own, env: { ...own.env, BOT_SPOOL } });
      expect(ran.stdout).toContain('8 events confirmed, 0 unsent');
    },
    LIMIT_MS,
  );

  it.each([
    ['TypeScript', 'examples/bot.ts', () => process.execPath],
    ['Python', 'examples/bot.py', pythonOf],
  ])('S-14 K-11 the example in %s runs, and its chains are whole', async (_, file, program) => {
    const BOT_SPOOL = join(folder, file.replace('/', '-'));
    const PYTHONPATH = join(ROOT, 'sdk', 'python', 'src');
    const { stdout } = await run(program(), [join(ROOT, file), '4'], {
      cwd: folder,
      env: { ...env, BOT_SPOOL, PYTHONPATH },
    });
    expect(stdout).toContain('16 events confirmed, 0 unsent');
    const own = (await topic.records()).filter(({ headers }) =>
      headers['producer_id']?.startsWith(`example.example-${file.slice(-2)}/`),
    );
    const chains = Map.groupBy(own, ({ headers }) => headers['correlation_id'] ?? '');
    const types = [...chains.values()].map((chain) =>
      chain.map(({ headers }) => headers['event_type']).join(),
    );
    const whole = 'risk_decision,order_created,order_filled';
    const isPython = file.endsWith('.py');
    // The example in Python ran with the wheel before, twice.
    const count = isPython ? 6 : 4;
    expect(types.filter((each) => each === whole)).toHaveLength(count);
    expect(types.filter((each) => each === 'state_snapshot')).toHaveLength(count);
  });
});
