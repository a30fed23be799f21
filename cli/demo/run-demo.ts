import { setTimeout as pause } from 'node:timers/promises';
import { endOf, historyOf, submit } from './gateway-client.ts';
import type { DemoLine } from './intent-file.ts';
import type { Answer, Outcome } from './outcome.ts';
import type { Resent } from './report.ts';

/** Time for outages and kills to pass, once the last line is due. */
export const LIMIT_MS = 120_000;
/** POSTs without an answer at once; past it sending waits. */
const MAX_POSTS = 256;
/** Questions after the ends of intents at once. */
const MAX_READS = 8;
const READ_PAUSE_MS = 250;
/** After one of these nothing follows. */
const LAST_EVENTS = ['exec.completed', 'exec.failed', 'plan.rejected', 'risk.rejected'];

export interface DemoOptions {
  readonly url: string;
  /** Lines a second. */
  readonly rate: number;
  readonly onProgress: (progress: DemoProgress) => void;
}

export interface DemoProgress {
  readonly lines: number;
  readonly answered: number;
  readonly accepted: number;
  readonly ended: number;
}

/**
 * Sends the lines, each when it is due whatever became of those before it, then waits for the end of each
 * accepted intent.
 *
 * Limits: 256 POSTs and 8 reads at once; LIMIT_MS after the last line is due, what has not ended is left so.
 */
export async function runDemo(
  lines: readonly DemoLine[],
  options: DemoOptions,
): Promise<{ readonly outcomes: readonly Outcome[]; readonly resent: Resent }> {
  const { rate } = options;
  const startedAt = performance.now();
  const deadline = startedAt + (lines.length / rate) * 1000 + LIMIT_MS;
  const { answers, resent } = await sendAll(lines, { ...options, startedAt, deadline });
  const outcomes = answers.map(({ line, answer }): Outcome => ({
    line,
    answer,
    end: null,
    events: [],
  }));
  return { outcomes: await followAll(outcomes, { ...options, deadline }), resent };
}

interface Answered {
  readonly line: DemoLine;
  readonly answer: Answer;
}

async function sendAll(
  lines: readonly DemoLine[],
  options: DemoOptions & { readonly startedAt: number; readonly deadline: number },
): Promise<{ readonly answers: readonly Answered[]; readonly resent: Resent }> {
  const { url, rate, startedAt, deadline, onProgress } = options;
  const resent = { count: 0, unclear: 0 };
  const onResend = (unclear: boolean): void => {
    resent.count += 1;
    if (unclear) resent.unclear += 1;
  };
  const progress = { lines: lines.length, answered: 0, accepted: 0, ended: 0 };
  const open = new Set<Promise<Answered>>();
  const all: Promise<Answered>[] = [];
  for (const [index, line] of lines.entries()) {
    await pause(Math.max(0, startedAt + (index / rate) * 1000 - performance.now()));
    if (open.size >= MAX_POSTS) await Promise.race(open);
    const posted = submit(url, line, { deadline, onResend }).then((answer) => {
      open.delete(posted);
      progress.answered += 1;
      if (answer.intentId !== null) progress.accepted += 1;
      onProgress(progress);
      return { line, answer };
    });
    open.add(posted);
    all.push(posted);
  }
  return { answers: await Promise.all(all), resent };
}

/** Looks at all that have not ended, at most MAX_READS at once, again and again. */
async function followAll(
  sent: readonly Outcome[],
  options: DemoOptions & { readonly deadline: number },
): Promise<readonly Outcome[]> {
  const { url, deadline, onProgress } = options;
  const outcomes = [...sent];
  const accepted = outcomes.filter(({ answer }) => answer.intentId !== null).length;
  for (;;) {
    const open = [...outcomes.entries()].filter(([, outcome]) => isOpen(outcome));
    const looks = open.values();
    const reader = async (): Promise<void> => {
      for (const [index, outcome] of looks) {
        if (performance.now() > deadline) return;
        outcomes[index] = await look(url, outcome);
      }
    };
    await Promise.all(Array.from({ length: MAX_READS }, reader));
    const left = outcomes.filter(isOpen).length;
    const ended = accepted - left;
    onProgress({ lines: outcomes.length, answered: outcomes.length, accepted, ended });
    if (left === 0 || performance.now() + READ_PAUSE_MS > deadline) return outcomes;
    await pause(READ_PAUSE_MS);
  }
}

/** Both stores are projections of their own: the history may still lack what the read model has. */
function isOpen({ answer, end, events }: Outcome): boolean {
  if (answer.intentId === null) return false;
  return end === null || !LAST_EVENTS.includes(events.at(-1)?.topic ?? '');
}

async function look(url: string, outcome: Outcome): Promise<Outcome> {
  const { intentId } = outcome.answer;
  if (intentId === null) return outcome;
  const end = outcome.end ?? (await endOf(url, intentId));
  const events = end === null ? outcome.events : await historyOf(url, intentId);
  return { ...outcome, end, events };
}
