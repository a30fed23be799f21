import { parseArgs, type ParseArgsOptionsConfig } from 'node:util';
import { goalsOf } from '../../bench/goals.ts';
import type { Benchmark } from './benchmark.ts';
import { judged, type Outcome } from './judged.ts';
import { positive } from './number-option.ts';

/** A benchmark that is asked for whole numbers and for nothing else. */
export interface PlainBenchmark<Name extends string> {
  readonly name: string;
  readonly summary: string;
  /** What `--help` says below its options. */
  readonly about: string;
  /** What its options are unless they are given; each is at least 1. */
  readonly usual: Readonly<Record<Name, number>>;
  /** What goals.json calls it. Default: it has no goals, and no `--no-goals`. */
  readonly goals?: Parameters<typeof goalsOf>[0];
  measure(numbers: Readonly<Record<Name, number>>, tell: (line: string) => void): Promise<Outcome>;
}

export function plainBenchmark<Name extends string>(plain: PlainBenchmark<Name>): Benchmark {
  const { name, summary, about, usual, goals: judge } = plain;
  const names = Object.keys(usual) as Name[];
  const numbers = names.map((each) => `[--${each} ${usual[each]}]`);
  const judging = judge === undefined ? [] : ['[--no-goals]'];
  return {
    summary,
    usage: `\nUsage: millrace bench ${[name, ...numbers, '[--json <file>]', ...judging].join(' ')}\n\n${about}`,
    async run(args, io) {
      const options: ParseArgsOptionsConfig = { json: { type: 'string' } };
      for (const each of names) options[each] = { type: 'string', default: String(usual[each]) };
      if (judge !== undefined) options['no-goals'] = { type: 'boolean', default: false };
      const values = parseArgs({ args: [...args], options }).values as Readonly<
        Record<string, string | undefined>
      >;
      const given = names.map((each) => [each, positive(each, values[each] ?? '')] as const);
      const asked = Object.fromEntries(given) as Readonly<Record<Name, number>>;
      const goals = judge === undefined || values['no-goals'] ? [] : goalsOf(judge);
      return judged(io, { goals, file: values['json'] }, () => plain.measure(asked, io.err));
    },
  };
}
