import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
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
      const check = [compiler, ...strict, '--skipLibCheck', '--types', 'node', 'bot.ts'];
      await run(process.execPath, check, { cwd: folder });
      const { stdout } = await run(process.execPath, ['bot.ts'], { cwd: folder, env });
      await expectChain(stdout);
    },
    LIMIT_MS,
  );

  it(
    'K-11 S-43 the bot of the Python README runs',
    async () => {
      await writeFile(join(folder, 'bot.py'), await snippet('python', 'python'));
      const sources = join(ROOT, 'sdk', 'python', 'src');
      const options = { cwd: folder, env: { ...env, PYTHONPATH: sources } };
      const { stdout } = await run(pythonOf(), ['bot.py'], options);
      await expectChain(stdout);
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
    expect(types.filter((each) => each === whole)).toHaveLength(4);
    expect(types.filter((each) => each === 'state_snapshot')).toHaveLength(4);
  });
});
