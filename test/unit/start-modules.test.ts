import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

const MAIN = join(import.meta.dirname, '..', '..', 'apps', 'main.ts');

/** Prints the npm packages that a module loads. */
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
  await import(process.argv[1]);
  console.log(JSON.stringify([...packages]));
  process.exit(0);`;

describe('start of a process', () => {
  it('loads no Kafka library, store, venue or web framework before it knows that it needs one', () => {
    const args = ['--input-type=module', '--eval', LOADED, MAIN];
    const loaded = JSON.parse(
      execFileSync(process.execPath, args, { encoding: 'utf8' }),
    ) as string[];
    expect(loaded).toContain('avsc');
    for (const late of ['@platformatic/kafka', 'kafkajs', 'pg', 'ioredis', 'viem', 'fastify'])
      expect(loaded).not.toContain(late);
  });
});
