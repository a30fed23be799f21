import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { COMPILED, compileContracts } from '../../scripts/compile-contracts.ts';

it('the bytes of the local tokens are what their source compiles to', () => {
  expect(JSON.parse(readFileSync(COMPILED, 'utf8'))).toEqual(compileContracts());
});
