import { readFile } from 'node:fs/promises';
import { expect, it } from 'vitest';

async function read(path: string): Promise<string> {
  return await readFile(new URL(`../../${path}`, import.meta.url), 'utf8');
}

it('B-14 documents exactly the variables that are read', async () => {
  const files = ['config', 'chain-config', 'gateway-config', 'tracing-config'];
  const code = (await Promise.all(files.map((file) => read(`apps/${file}.ts`)))).join('\n');
  const table = await read('docs/reference/configuration.md');
  const readVariables = new Set(
    [...code.matchAll(/'([A-Z][A-Z_]{3,})'/g)].map((match) => match[1]),
  );
  const documented = new Set([...table.matchAll(/^\| `([A-Z_]+)`/gm)].map((match) => match[1]));
  expect([...documented].sort()).toEqual([...readVariables].sort());
});
