import { mkdtempSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { codeVersionOf } from '../../apps/code-version.ts';

let folder: string;
beforeEach(() => (folder = mkdtempSync(join(tmpdir(), 'millrace-version-'))));
afterEach(() => rmSync(folder, { recursive: true, force: true }));

it('finds the version of the package that a file is in, and of none above it', () => {
  const inner = join(folder, 'src', 'deep');
  mkdirSync(inner, { recursive: true });
  writeFileSync(join(folder, 'package.json'), '{ "version": "3.2.1" }');
  expect(codeVersionOf(join(inner, 'topology.ts'))).toBe('3.2.1');
  writeFileSync(join(folder, 'src', 'package.json'), '{ "type": "module" }');
  expect(codeVersionOf(join(inner, 'topology.ts'))).toBe('');
});
