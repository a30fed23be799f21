import { ESLint, type Linter } from 'eslint';
import tseslint from 'typescript-eslint';
import { describe, expect, it } from 'vitest';

/** Snippets stand on no disk, so the rules that need types are off, but for the one test that is about them. */
const untyped = new ESLint({
  overrideConfig: tseslint.configs.disableTypeChecked as Linter.Config,
});
const typed = new ESLint();

async function messagesOf(path: string, code: string, eslint = untyped): Promise<string> {
  const results = await eslint.lintText(`${code}\n`, { filePath: path });
  return results
    .flatMap((result) => result.messages)
    .map((message) => `${message.ruleId}: ${message.message}`)
    .join('\n');
}

const importing = (source: string): string =>
  `import { thing } from '${source}';\nexport const x = thing;`;

describe('folder walls', () => {
  it.each([
    ['engine/a.ts', '../kafka/client.ts'],
    ['engine/a.ts', '../avro/codec.ts'],
    ['engine/a.ts', '../processors/trading/risk/actor.ts'],
    ['engine/a.ts', 'decimal.js'],
    ['engine/a.ts', 'node:fs'],
    ['engine/a.ts', 'crypto'],
    ['avro/a.ts', '../kafka/client.ts'],
    ['processors/trading/risk/a.ts', '../../../kafka/client.ts'],
    ['processors/trading/risk/a.ts', '../../../topologies/trading.ts'],
    ['processors/trading/risk/a.ts', 'pg'],
    ['processors/trading/risk/a.ts', 'ulid'],
    ['processors/trading/risk/a.ts', 'node:crypto'],
    ['topologies/a.ts', '../kafka/runner.ts'],
    ['topologies/a.ts', '../connectors/redis/index.ts'],
    ['topologies/env/dev/a.ts', '../../../gateway/server.ts'],
    ['kafka/a.ts', '../processors/trading/risk/actor.ts'],
    ['kafka/a.ts', '../connectors/redis/index.ts'],
    ['connectors/redis/a.ts', '../postgres/index.ts'],
    ['connectors/redis/a.ts', '../../gateway/server.ts'],
    ['connectors/redis/a.ts', '../../apps/main.ts'],
    ['gateway/a.ts', '../apps/main.ts'],
    ['gateway/a.ts', '../test/set-up/stack.ts'],
    ['apps/a.ts', '../testing/driver.ts'],
    ['kafka/runner.ts', '@platformatic/kafka'],
    ['connectors/postgres/a.ts', '@platformatic/kafka'],
    ['test/unit/a.test.ts', '@platformatic/kafka'],
    ['kafka/platformatic.ts', 'kafkajs'],
  ])('%s may not import %s', async (path, source) => {
    expect(await messagesOf(path, importing(source))).toContain('millrace/walls');
  });

  it.each([
    ['engine/a.ts', './event.ts'],
    ['engine/a.ts', 'node:crypto'],
    ['processors/trading/risk/a.ts', '../../../engine/actor.ts'],
    ['processors/trading/risk/a.ts', '../limits/limits.ts'],
    ['processors/trading/risk/a.ts', 'decimal.js'],
    ['topologies/a.ts', '../processors/trading/index.ts'],
    ['kafka/platformatic.ts', '@platformatic/kafka'],
    ['kafka/platformatic/admin.ts', '@platformatic/kafka'],
    ['connectors/redis/a.ts', './client.ts'],
    ['connectors/redis/a.ts', '../../kafka/client.ts'],
    ['gateway/a.ts', 'node:http'],
    ['apps/a.ts', '../gateway/server.ts'],
    ['cli/a.ts', '../apps/main.ts'],
  ])('%s may import %s', async (path, source) => {
    expect(await messagesOf(path, importing(source))).toBe('');
  });

  it.each([
    ['a type import', `import type { Pool } from 'pg';\nexport type P = Pool;`],
    ['a re-export', `export { Pool } from 'pg';`],
    ['a dynamic import', `export const pool = import('pg');`],
    ['an import type', `export type P = import('pg').Pool;`],
  ])('sees %s', async (_form, code) => {
    expect(await messagesOf('engine/a.ts', code)).toContain('millrace/walls');
  });
});

describe('determinism bans', () => {
  const impure = [
    ['Date', 'export const x = () => Date.now();'],
    ['new Date', 'export const x = () => new Date();'],
    ['Math.random', 'export const x = () => Math.random();'],
    ['setTimeout', 'export const x = () => setTimeout(x, 1);'],
    ['setInterval', 'export const x = () => setInterval(x, 1);'],
    ['setImmediate', 'export const x = () => setImmediate(x);'],
    ['queueMicrotask', 'export const x = () => queueMicrotask(x);'],
    ['process', 'export const x = () => process.env;'],
    ['console', `export const x = () => console.log('x');`],
    ['performance', 'export const x = () => performance.now();'],
    ['fetch', `export const x = () => fetch('x');`],
    ['crypto', 'export const x = () => crypto.randomUUID();'],
    ['globalThis', 'export const x = () => globalThis.Date;'],
    ['an async function', 'export async function x() {}'],
    ['an async arrow', 'export const x = async () => 1;'],
    ['an async method', 'export const x = { async handle() {} };'],
    ['a new Promise', 'export const x = () => new Promise(() => {});'],
    ['a module-level let', 'let count = 0;\nexport const x = () => ++count;'],
    ['an exported let', 'export let count = 0;\nexport const x = () => ++count;'],
  ] as const;

  it.each(impure)('engine and processors may not use %s', async (_what, code) => {
    expect(await messagesOf('engine/a.ts', code)).toContain('pure');
    expect(await messagesOf('processors/trading/risk/a.ts', code)).toContain('pure');
  });

  it('the shell may use all of them but a shared let is its own affair', async () => {
    for (const [, code] of impure)
      expect(await messagesOf('kafka/a.ts', code)).not.toContain('pure');
  });

  it('an interface of the engine may speak of promises', async () => {
    expect(
      await messagesOf('engine/a.ts', 'export interface A {\n  learn(): Promise<void>;\n}'),
    ).toBe('');
  });
});

describe('everywhere, tests included', () => {
  it.each([
    ['export *', `export * from './b.ts';`, 'no-restricted-syntax'],
    ['an enum', 'export enum A {\n  b,\n}', 'Erasable'],
    ['a namespace', 'export namespace A {\n  export const b = 1;\n}', 'Erasable'],
    [
      'a parameter property',
      'export class A {\n  constructor(readonly b: number) {}\n}',
      'Erasable',
    ],
    ['any', 'export const x = (y: any) => String(y);', 'no-explicit-any'],
    ['a test left alone', `it${'.only'}('x', () => {});`, 'hides the others'],
    ['a non-null assertion', 'export const x = (y: string | null) => y!;', 'no-non-null-assertion'],
    ['a file over 400 lines', 'export {};\n'.repeat(401), 'max-lines'],
  ])('refuses %s', async (_what, code, expected) => {
    expect(await messagesOf('gateway/a.ts', code)).toContain(expected);
    expect(await messagesOf('test/unit/a.test.ts', code)).toContain(expected);
  });

  it('refuses a promise that nobody waits for', async () => {
    const code = 'export function f(): void {\n  Promise.resolve(1);\n}';
    const path = 'test/unit/lint-walls.test.ts';
    expect(await messagesOf(path, code, typed)).toContain('no-floating-promises');
    // It reads the types of the whole project.
  }, 120_000);
});
