import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

const ROOT = join(import.meta.dirname, '..', '..');
/** What `millrace run` is made of, until it knows what to run. */
const MODULES = ['cli/main.ts', 'cli/commands/run.ts', 'apps/main.ts'];

/** Prints the npm packages that modules load. */
const LOADED = `
  import { registerHooks } from 'node:module';
  const packages = new Set();
  registerHooks({
    load: (url, context, next) => {
      const name = /node_modules\\/((?:@[^/]+\\/)?[^/]+)/.exec(url)?.[1];
      if (name !== undefined) packages.add(name);
      return next(url, context);
    },
  });
  for (const module of process.argv.slice(1)) await import(module);
  console.log(JSON.stringify([...packages]));
  process.exit(0);`;

describe('start of a process', () => {
  it('loads no Kafka library, store, venue or web framework before it knows that it needs one', () => {
    const modules = MODULES.map((module) => join(ROOT, module));
    const args = ['--input-type=module', '--eval', LOADED, ...modules];
    const loaded = JSON.parse(
      execFileSync(process.execPath, args, { encoding: 'utf8' }),
    ) as string[];
    expect(loaded).toContain('avsc');
    for (const late of ['@platformatic/kafka', 'kafkajs', 'pg', 'ioredis', 'viem', 'fastify'])
      expect(loaded).not.toContain(late);
  });
});
