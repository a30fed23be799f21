import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { CREW_CANARIES } from '../attack/canary-list.ts';
import { mutate } from '../support/mutant.ts';
import { runCanary } from './canary.ts';
import { CANARIES } from './canary-list.ts';

/** One of each; all of them: npm run simulate:canaries. */
const QUICK = [
  'emits are published before their batch is confirmed',
  'a batch is valid whatever fence it names',
  'an append of unknown fate counts as confirmed',
  'what was not acknowledged is not sent again',
];

describe('canaries of the simulation', () => {
  for (const canary of CANARIES.filter(({ what }) => QUICK.includes(what)))
    it(`${canary.rule} is noticed: ${canary.what}`, { timeout: 120_000 }, async () => {
      const { isCaught, output } = await runCanary(canary, 100);
      expect(isCaught, output).toBe(true);
    });

  it('nothing is caught in a copy that does the same', { timeout: 120_000 }, async () => {
    const same = {
      rule: 'none',
      file: 'kafka/wait.ts',
      find: '/** Lets timers',
      replace: '/** Lets  timers',
    };
    const { isCaught, output } = await runCanary(same, 5);
    expect(isCaught).toBe(false);
    expect(output).toContain('5 seeds from 1');
  });

  it('every mutation fits its file', async () => {
    for (const canary of [...CANARIES, ...CREW_CANARIES]) {
      const source = await readFile(canary.file, 'utf8');
      expect(mutate(source, canary)).not.toBe(source);
    }
  });
});
