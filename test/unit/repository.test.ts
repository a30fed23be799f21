import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { describe, expect, it } from 'vitest';
import { loadConfig } from '../../apps/config.ts';
import manifest from '../../package.json' with { type: 'json' };

/** What a clone would have, as it stands here now. */
const listed = spawnSync('git', ['ls-files', '-z'], { encoding: 'utf8' });
const files = listed.stdout.split('\0').filter((file) => file !== '' && existsSync(file));
const text = (file: string): string => readFileSync(file, 'utf8');

const markdown = files.filter((file) => file.endsWith('.md'));
const source = files.filter((file) => /\.(ts|mjs|js|avsc|sql)$/.test(file));

/** `file:line: text` of every line that matches. */
function linesLike(pattern: RegExp, among: readonly string[]): string[] {
  return among.flatMap((file) =>
    text(file)
      .split('\n')
      .flatMap((line, index) => (pattern.test(line) ? [`${file}:${index + 1}: ${line}`] : [])),
  );
}

describe('the repository', () => {
  it('is one that git lists', () => {
    expect(listed.status, listed.stderr).toBe(0);
    expect(files).toContain('package.json');
  });

  it('K-03 has the ten entries at its top, each with something in it', () => {
    const linesMax = (entry: string): number => {
      const inside = files.filter((file) => file === entry || file.startsWith(`${entry}/`));
      return Math.max(0, ...inside.map((file) => text(file).trim().split('\n').length));
    };
    const entries = ['package.json', 'tsconfig.json', 'docker-compose.yml', 'README.md'];
    const folders = ['processors', 'topologies', 'avro', 'connectors', 'bench', 'test'];
    expect([...entries, ...folders].filter((entry) => linesMax(entry) <= 5)).toEqual([]);
  });

  it('names no folder of anybody’s machine', () => {
    const texts = files.filter((file) => !/\.(png|jpg|ico|gz)$/.test(file));
    expect(linesLike(/(^|[^\w.~-])\/(work|root|home|Users)\//, texts)).toEqual([]);
  });

  it('locks versions without saying where they were downloaded', () => {
    expect(linesLike(/"resolved":/, ['package-lock.json'])).toEqual([]);
    expect(files.filter((file) => file.endsWith('.npmrc'))).toEqual([]);
  });

  it('locks what is optional for other platforms too: npm ci refuses a lock without it', () => {
    const { packages } = JSON.parse(text('package-lock.json')) as {
      readonly packages: Readonly<
        Record<string, { readonly optionalDependencies?: Readonly<Record<string, string>> }>
      >;
    };
    const locked = new Set(Object.keys(packages));
    const isLocked = (from: string, name: string): boolean => {
      const nested = from === '' ? '' : `${from}/`;
      return locked.has(`${nested}node_modules/${name}`) || locked.has(`node_modules/${name}`);
    };
    const missing = Object.entries(packages).flatMap(([from, { optionalDependencies = {} }]) =>
      Object.keys(optionalDependencies).filter((name) => !isLocked(from, name)),
    );
    expect(missing).toEqual([]);
  });

  it('pins every dependency', () => {
    const versions = Object.values({ ...manifest.dependencies, ...manifest.devDependencies });
    for (const version of versions) expect(version).toMatch(/^(npm:\w+@)?\d+\.\d+\.\d+(-[\w.]+)?$/);
  });

  it('K-02 has the packages that it is asked for, each imported by code that is no test', () => {
    const asked = ['kafkajs', '@kafkajs/confluent-schema-registry', 'avsc', 'pg', 'ioredis'];
    const all = { ...manifest.dependencies, ...manifest.devDependencies };
    const code = source.filter((file) => !/^(test|sdk)\//.test(file)).map(text);
    const isImported = (name: string): boolean =>
      code.some((each) => new RegExp(`(from |import\\()'${name}[/']`).test(each));
    const wanted = [...asked, 'ulid', 'viem', 'prom-client'];
    expect(wanted.filter((name) => !(name in manifest.dependencies && isImported(name)))).toEqual(
      [],
    );
    expect(all).toHaveProperty('vitest');
    expect(isImported('vitest')).toBe(true);
  });

  it('leaves no test alone or switched off for good', () => {
    const tests = files.filter((file) => /^test\/.*\.ts$/.test(file));
    expect(linesLike(/\b(it|test|describe)\.(only|skip|todo)\(/, tests)).toEqual([]);
  });

  it('B-04 has nothing of what version 1 took out, in schemas and in what handles events', () => {
    const handling = source.filter((file) => /^(avro|engine|processors|topologies)\//.test(file));
    expect(handling.length).toBeGreaterThan(30);
    expect(linesLike(/signature|ed25519/i, handling)).toEqual([]);
  });

  it('B-17 loads no machine learning and no Ray', () => {
    const lock = JSON.parse(text('package-lock.json')) as { packages: Record<string, unknown> };
    const names = Object.keys(lock.packages).map((path) => path.replace(/^.*node_modules\//, ''));
    const learning = /^(ray|@?tensorflow|onnxruntime|torch|brain\.js|ml-|@xenova|@huggingface)/;
    expect(names.filter((name) => learning.test(name))).toEqual([]);
    expect(loadConfig({}).planning.mlEnabled).toBe(false);
  });
});

/** What a user reads and types. */
const guides = files.filter((file) => /^(README|CONTRIBUTING)\.md$|^docs\/guides\//.test(file));

describe('the documents', () => {
  const decisions = files.filter((file) => /^docs\/adr\/\d{3}-/.test(file));

  it('B-104 has the three decisions that are asked for', () => {
    const names = ['001-event-envelope', '002-redis-read-models', '003-orchestrator-retry-policy'];
    expect(decisions).toEqual(expect.arrayContaining(names.map((name) => `docs/adr/${name}.md`)));
  });

  it('B-103 README says what a newcomer asks for, each in a section with something in it', () => {
    const [, ...sections] = text('README.md').split(/^## /m);
    const bodies = new Map(
      sections.map((section): [string, string] => {
        const [title = '', ...lines] = section.split('\n');
        return [title, lines.join('\n')];
      }),
    );
    const asked: Readonly<Record<string, readonly string[]>> = {
      'Architecture and services': ['gateway', 'trading', 'orchestrator', 'coordinator'],
      'Start it': ['npm start', 'npm run demo', 'npm test'],
      'With and without a chain': ['PLATFORM_MOCK_CHAIN=true', '--chain anvil', 'ETH_RPC_URL'],
      'REST and WebSocket': ['POST /intents', 'GET /intents/{id}', '/stream', '/openapi.json'],
    };
    for (const [title, words] of Object.entries(asked))
      for (const word of words) expect(bodies.get(title), title).toContain(word);
  });

  it('B-103 names only commands and options that there are', async () => {
    const code = guides.flatMap((file) =>
      [...text(file).matchAll(/```sh\n([^]*?)```|`([^`\n]+)`/g)].map(
        ([, block, inline]) => block ?? inline ?? '',
      ),
    );
    const called = (pattern: RegExp): readonly string[] =>
      code.flatMap((each) => [...each.matchAll(pattern)].map(([, name = '']) => name));
    const scripts = called(/\bnpm run ([\w:-]+)/g);
    expect(scripts.length).toBeGreaterThan(20);
    expect(scripts.filter((name) => !Object.hasOwn(manifest.scripts, name))).toEqual([]);
    const commands = called(/(?:^|[\s(])millrace ([a-z]+(?:-[a-z]+)*)/gm);
    expect(commands.length).toBeGreaterThan(20);
    expect(commands.filter((name) => !existsSync(join('cli', 'commands', `${name}.ts`)))).toEqual(
      [],
    );
    const files = called(/\bnode (?:--[\w-]+ )*([\w./-]+\.(?:ts|mjs))/g);
    expect(files.filter((file) => !existsSync(file) && file !== 'hello.ts')).toEqual([]);
  });

  it.each(decisions)('%s fits on a page and has its five parts', (file) => {
    expect(text(file).split('\n').length).toBeLessThanOrEqual(80);
    for (const part of ['Context', 'Measurements', 'Options', 'Decision', 'What would change it'])
      expect(text(file)).toContain(`**${part}.**`);
  });

  it('gives a reason for every dependency', () => {
    const rows = text('docs/adr/006-dependencies.md').matchAll(/^\| ([^|]+) \| [^|]+ \|/gm);
    const explained = [...rows].flatMap((row) => (row[1] ?? '').split(', '));
    const names = Object.keys({ ...manifest.dependencies, ...manifest.devDependencies });
    expect(names.filter((name) => !explained.includes(name))).toEqual([]);
  });

  it('links only to what exists', () => {
    const broken = markdown.flatMap((file) =>
      [...text(file).matchAll(/\]\(([^)#\s]+)(#[^)]*)?\)/g)]
        .map((match) => match[1] ?? '')
        .filter((target) => !/^[a-z]+:/.test(target))
        .filter((target) => !existsSync(normalize(join(dirname(file), target))))
        .map((target) => `${file}: ${target}`),
    );
    expect(broken).toEqual([]);
  });

  it('has every row once', () => {
    const ids = markdown
      .filter((file) =>
        /^docs\/requirements\/(timeline|trading|bots|contracts|erp|brief)/.test(file),
      )
      .flatMap((file) => [...text(file).matchAll(/^\| ([TBSCEK]-\d+) \|/gm)])
      .map((match) => match[1]);
    expect(new Set(ids).size).toBe(ids.length);
    expect(ids.length).toBe(55 + 111 + 45 + 65 + 146 + 13);
  });

  it('states every rule and finding of the protocol that code cites', () => {
    const protocol = text('docs/protocol.md');
    const cited = source
      .filter((file) => !file.startsWith('test/'))
      .flatMap((file) => [...text(file).matchAll(/(?<![\w$'-])([JF]\d{1,2}[a-d]?)(?![\w'-])/g)])
      .map((match) => match[1] ?? '');
    expect(cited.length).toBeGreaterThan(20);
    const unknown = new Set(cited.filter((rule) => !protocol.includes(`| ${rule} |`)));
    expect([...unknown]).toEqual([]);
  });
});
