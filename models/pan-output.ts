// What spin's verifier printed, as values.

/** Sentences of pan that mean that it did not look everywhere. */
const CUT_SHORT = [
  'max search depth too small',
  'Search not completed',
  'out of memory',
  'reached -DMEMLIM',
  'hash-compact',
  'queue space exhausted',
];

export interface Found {
  readonly states: number | undefined;
  readonly depth: number | undefined;
  readonly errors: number | undefined;
  readonly seconds: number;
  /** Pan's sentence, with the condition that failed. */
  readonly error: string | undefined;
  /** Why the search is not whole. */
  readonly cutShort: string | undefined;
  /** Of a sample only. */
  readonly coverage: Coverage | undefined;
}

/** What a sample, that cannot look everywhere, has looked at. */
export interface Coverage {
  /** Bits of its table for each state that it met; above 100 hardly one was taken for another. */
  readonly hashFactor: number;
  /** Statements of the model, and how many of them it never came to; the end of an endless loop is left out. */
  readonly statements: number;
  readonly unreached: number;
}

/** `canary`: a rule is off, and a violation has to be found; `bitstate`: a sample of what is too large. */
export type Search = 'exhaustive' | 'bitstate' | 'canary';

export interface Verdict {
  readonly isGood: boolean;
  readonly verdict: string;
}

/** What pan printed at its end. */
export function parsePan(output: string): Found {
  const number = (pattern: RegExp): number | undefined => {
    const match = pattern.exec(output);
    return match === null ? undefined : Number(match[1]);
  };
  const error = /^pan:\d+: (.*) \(at depth \d+\)/m.exec(output)?.[1];
  return {
    states: number(/^\s*(\d+(?:\.\d+)?(?:e\+\d+)?) states, stored/m),
    depth: number(/depth reached (\d+)/),
    errors: number(/errors: (\d+)/),
    seconds: number(/elapsed time ([\d.]+) seconds/) ?? 0,
    error,
    cutShort: CUT_SHORT.find((sentence) => output.includes(sentence)),
    coverage: coverageOf(output),
  };
}

function coverageOf(output: string): Coverage | undefined {
  const hashFactor = /hash factor: ([\d.]+)/.exec(output)?.[1];
  if (hashFactor === undefined) return undefined;
  const reached = /\((\d+) of (\d+) states\)/.exec(output);
  const ends = output.match(/"-end-"/g)?.length ?? 0;
  const [, unreached = NaN, statements = NaN] = reached?.map(Number) ?? [];
  return {
    hashFactor: Number(hashFactor),
    statements: statements - ends,
    unreached: unreached - ends,
  };
}

/** For people. */
export function coverageText({ hashFactor, statements, unreached }: Coverage): string {
  const reached = `${statements - unreached} of ${statements} statements reached`;
  return `a sample of a minute; ${reached}; hash factor ${hashFactor} (above 100: hardly a state taken for another)`;
}

const VIOLATION = /VIOLATION: (.*)$/;

/** Whether that is what was due: a violation that the model names for a canary, a whole search without one for the others. */
export function judge(found: Found, search: Search, trace: readonly string[]): Verdict {
  if (found.errors === undefined || found.states === undefined)
    return { isGood: false, verdict: "pan's output has no figures" };
  const named = VIOLATION.exec(trace.at(-1) ?? '')?.[1];
  if (search === 'canary') {
    if (found.errors === 0)
      return { isGood: false, verdict: 'no violation: the model does not see this rule' };
    if (named === undefined)
      return { isGood: false, verdict: `a fault of the model: ${found.error}` };
    return { isGood: true, verdict: `caught: ${named}` };
  }
  if (found.errors > 0) return { isGood: false, verdict: `VIOLATION: ${named ?? found.error}` };
  if (search === 'bitstate') return judgeSample(found.coverage);
  if (found.cutShort !== undefined)
    return { isGood: false, verdict: `the search was cut short: ${found.cutShort}` };
  return { isGood: true, verdict: 'holds, all states' };
}

/** A sample that has not come to every statement of its model says nothing of those. */
function judgeSample(coverage: Coverage | undefined): Verdict {
  if (coverage?.unreached === 0) return { isGood: true, verdict: 'no violation in the sample' };
  const missed = coverage?.unreached ?? NaN;
  return { isGood: false, verdict: `the sample never came to ${missed} statements of the model` };
}

/** The events of a replayed trail, numbered, to the first violation; indented is what lands. */
export function readableTrace(replayed: string): string[] {
  const events = replayed
    .split('\n')
    .map((line) => /EVENT (.*)$/.exec(line)?.[1])
    .filter((line) => line !== undefined);
  const last = events.findIndex((line) => VIOLATION.test(line));
  const shown = last === -1 ? events : events.slice(0, last + 1);
  return shown.map((line, index) => `${String(index + 1).padStart(2)} ${line}`);
}
