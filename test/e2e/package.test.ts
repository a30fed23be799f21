import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ROOT } from '../../cli/stack/programs.ts';
import { eventually } from '../support/eventually.ts';

const run = promisify(execFile);
const LIMIT_MS = 300_000;
/** Above what a process gives itself to stop, below what would hide one that hangs. */
const END_MS = 30_000;
/** As seen from the folder. */
const MILLRACE = join('node_modules', '.bin', 'millrace');
const FILES = ['hello.ts', 'hello.test.ts', 'ask.ts'];

let folder: string;
let env: NodeJS.ProcessEnv;
const started: ChildProcess[] = [];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'millrace-outside-'));
  const PATH = [dirname(process.execPath), process.env['PATH']].join(delimiter);
  const TOPIC_PREFIX = `package-${process.pid}.`;
  env = { ...process.env, PATH, TOPIC_PREFIX, MILLRACE_DATA: join(folder, 'data') };
  const packed = await run('npm', ['pack', '--json', '--pack-destination', folder], { cwd: ROOT });
  const json = packed.stdout.slice(packed.stdout.indexOf('[\n'));
  const [{ filename }] = JSON.parse(json) as [{ filename: string }];
  await writeFile(join(folder, 'package.json'), '{ "type": "module" }');
  const quiet = ['--no-audit', '--no-fund', '--prefer-offline', '--omit=peer', '--ignore-scripts'];
  await run('npm', ['install', ...quiet, join(folder, filename)], { cwd: folder });
  const blocks = await codeBlocks();
  for (const [index, file] of FILES.entries())
    await writeFile(join(folder, file), blocks[index] ?? '');
}, LIMIT_MS);

afterAll(async () => {
  for (const child of started) child.kill('SIGKILL');
  await rm(folder, { recursive: true });
});

/** What CONTRIBUTING shows to somebody outside, in its order. */
async function codeBlocks(): Promise<readonly string[]> {
  const text = await readFile(join(ROOT, 'CONTRIBUTING.md'), 'utf8');
  const [, section = ''] = /## Outside of this repository\n([\s\S]*?)\n## /.exec(text) ?? [];
  return [...section.matchAll(/```ts\n([\s\S]*?)```/g)].map((match) => match[1] ?? '');
}

const inFolder = (program: string, args: readonly string[]) =>
  run(program, args, { cwd: folder, env });

/** `millrace run`; resolves when the application is healthy. Not by npx, which hands no signal on. */
async function runHello(): Promise<ChildProcess> {
  const child = spawn(MILLRACE, ['run', '--topology', 'hello.ts'], {
    cwd: folder,
    env,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  started.push(child);
  let output = '';
  child.stdout.on('data', (chunk: Buffer) => void (output += chunk.toString()));
  const port = (): string => {
    if (child.exitCode !== null) throw new Error(`it ended by itself: ${output}`);
    return /"port":(\d+),"msg":"hello serves"/.exec(output)?.[1] ?? '';
  };
  await eventually('it serves', () => port() !== '');
  const url = `http://127.0.0.1:${port()}/health`;
  await eventually('it is healthy', async () => (await fetch(url)).status === 200);
  return child;
}

describe('the package, from its tarball in an empty folder', () => {
  it(
    'gives declarations by which the hello-world type-checks, and its tests pass',
    async () => {
      const types = join(folder, 'node_modules', '@types');
      await mkdir(types, { recursive: true });
      const [from, to] = [join(ROOT, 'node_modules', '@types', 'node'), join(types, 'node')];
      await rm(to, { recursive: true, force: true });
      await symlink(from, to);
      const compiler = join(ROOT, 'node_modules', 'typescript', 'bin', 'tsc');
      const strict = ['--strict', '--noEmit', '--module', 'nodenext', '--target', 'es2024'];
      const lenient = ['--skipLibCheck', '--types', 'node', '--allowImportingTsExtensions'];
      await inFolder(process.execPath, [compiler, ...strict, ...lenient, ...FILES]);
      const tested = await inFolder(process.execPath, ['--test', '--test-reporter=tap']);
      expect(tested.stdout).toMatch(/# pass 2\n/);
    },
    LIMIT_MS,
  );

  it(
    'runs the hello-world: a record in, a record out; SIGTERM ends it',
    async () => {
      const child = await runHello();
      const asked = await inFolder(process.execPath, ['ask.ts', 'Ada']);
      expect(JSON.parse(asked.stdout)).toEqual({ text: 'Hello, Ada!', times: 1 });
      const exited = once(child, 'exit', { signal: AbortSignal.timeout(END_MS) });
      child.kill('SIGTERM');
      expect(await exited).toEqual([0, null]);
    },
    LIMIT_MS,
  );

  it('lists the commands that need no clone', async () => {
    const { stdout } = await inFolder('npx', ['millrace', '--help']);
    const names = [...stdout.matchAll(/^ {2}(\S+)/gm)].map((match) => match[1]);
    expect(names).toEqual(expect.arrayContaining(['run', 'dlq', 'park', 'check', 'doctor']));
    expect(names).not.toContain('up');
  });
});
