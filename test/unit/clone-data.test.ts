import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { RunFolder } from '../../cli/stack/run-folder.ts';
import { watchCloneData } from '../set-up/clone-data.ts';

let data: string;
beforeEach(() => {
  data = join(mkdtempSync(join(tmpdir(), 'millrace-clone-')), '.data');
});
afterEach(() => rmSync(join(data, '..'), { recursive: true, force: true }));

it('names what a run of tests left in the clone’s data folder', () => {
  const refuseWrites = watchCloneData(data);
  expect(refuseWrites).not.toThrow();
  mkdirSync(join(data, 'state', 'of-a-test.trading'), { recursive: true });
  expect(refuseWrites).toThrow(join(data, 'state', 'of-a-test.trading'));
  expect(watchCloneData(data)).not.toThrow();
});

it('says nothing while a system of the user runs there', () => {
  const refuseWrites = watchCloneData(data);
  new RunFolder(data).claim('running');
  writeFileSync(join(data, 'more'), '');
  expect(refuseWrites).not.toThrow();
});
