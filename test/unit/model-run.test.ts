import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { CANARIES } from '../../models/canaries.ts';
import { coverageText, judge, parsePan, readableTrace } from '../../models/pan-output.ts';

const WHOLE = `
(Spin Version 6.5.2 -- 6 December 2019)
State-vector 172 byte, depth reached 27, errors: 0
   295667 states, stored
   660672 states, matched
pan: elapsed time 0.97 seconds
pan: rate 304811.34 states/second
`;
const BROKEN = `
pan:1: assertion violated 0 (at depth 12)
pan: wrote journal.pml.trail
State-vector 180 byte, depth reached 12, errors: 1
      499 states, stored
pan: elapsed time 0.01 seconds
`;
const REPLAYED = `
EVENT A starts
EVENT   the fence of A stands at 0
EVENT VIOLATION: published, and not in the valid journal
EVENT VIOLATION: what follows from it
spin: trail ends after 12 steps
`;

describe('the runner of the models', () => {
  it('reads states, depth and time of a whole search', () => {
    const found = parsePan(WHOLE);
    expect(found).toMatchObject({ states: 295_667, depth: 27, seconds: 0.97, errors: 0 });
    expect(judge(found, 'exhaustive', [])).toEqual({ isGood: true, verdict: 'holds, all states' });
  });

  it('does not take a search that was cut short for a proof', () => {
    const found = parsePan(`error: max search depth too small\n${WHOLE}`);
    expect(judge(found, 'exhaustive', [])).toMatchObject({ isGood: false });
    expect(judge(parsePan(''), 'exhaustive', [])).toMatchObject({ isGood: false });
  });

  it('fails on a violation, and on a canary that finds none', () => {
    const trace = readableTrace(REPLAYED);
    expect(judge(parsePan(BROKEN), 'exhaustive', trace)).toEqual({
      isGood: false,
      verdict: 'VIOLATION: published, and not in the valid journal',
    });
    expect(judge(parsePan(WHOLE), 'canary', [])).toMatchObject({ isGood: false });
  });

  it('takes a canary only for caught when the model names what is violated', () => {
    const trace = readableTrace(REPLAYED);
    expect(judge(parsePan(BROKEN), 'canary', trace)).toMatchObject({ isGood: true });
    expect(judge(parsePan(BROKEN), 'canary', [])).toMatchObject({ isGood: false });
  });

  it('shows the events of a trail up to the first violation', () => {
    expect(readableTrace(REPLAYED)).toEqual([
      ' 1 A starts',
      ' 2   the fence of A stands at 0',
      ' 3 VIOLATION: published, and not in the valid journal',
    ]);
  });

  describe('of a sample', () => {
    const sampled = (unreached: string): string =>
      `${WHOLE}\nhash factor: 121.5 (best if > 100.)\nunreached in proctype world\n${unreached}`;
    const END = '\tjournal.pml:676, state 5495, "-end-"\n';

    it('says what it covered: every statement but the end of the loop', () => {
      const found = parsePan(sampled(`${END}\t(1 of 5495 states)`));
      expect(found.coverage && coverageText(found.coverage)).toContain(
        '5494 of 5494 statements reached; hash factor 121.5',
      );
      expect(judge(found, 'bitstate', [])).toMatchObject({ isGood: true });
    });

    it('does not take one for good that never came to some of the model', () => {
      const missed = '\tjournal.pml:300, state 812, "cut = 0"\n';
      const found = parsePan(sampled(`${missed}${END}\t(2 of 5495 states)`));
      expect(judge(found, 'bitstate', [])).toEqual({
        isGood: false,
        verdict: 'the sample never came to 1 statements of the model',
      });
      expect(judge(parsePan(sampled('')), 'bitstate', [])).toMatchObject({ isGood: false });
    });
  });

  it('has a canary for each rule that a model can turn off', () => {
    const rules = ['J1', 'J2', 'J3', 'J3a', 'J4', 'J5', 'J5a', 'J6', 'J7a', 'J9', 'J9a', 'J9b'];
    expect(rules.filter((rule) => !CANARIES.some((canary) => canary.rules === rule))).toEqual([]);
    for (const { file, off = '' } of CANARIES) {
      const model = readFileSync(join(import.meta.dirname, '..', '..', 'models', file), 'utf8');
      expect(model, file).toMatch(new RegExp(`\\b${off}\\b`));
    }
  });

  it('says without spin and gcc what to install: fails, or leaves the quick part out', () => {
    const run = (...args: string[]) =>
      spawnSync(process.execPath, [join('models', 'run.ts'), ...args], {
        env: { ...process.env, PATH: '/nowhere' },
        encoding: 'utf8',
      });
    const whole = run();
    expect([whole.status, whole.stdout]).toEqual([1, '']);
    expect(whole.stderr).toContain('apt-get install spin gcc');
    const quick = run('--quick');
    expect([quick.status, quick.stderr]).toEqual([0, '']);
    expect(quick.stdout).toMatch(/^left out: spin and gcc not there.*apt-get install spin gcc/);
  });
});
