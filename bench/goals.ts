import goals from './goals.json' with { type: 'json' };

/** What a figure has to be. `of` names the figure in what a benchmark measured. */
export interface Goal {
  readonly name: string;
  readonly of: string;
  readonly is: 'at most' | 'at least';
  readonly limit: number;
  readonly unit: string;
}

/** `value` null: it was not measured, which is no success. */
export interface Verdict extends Goal {
  readonly value: number | null;
  readonly isMet: boolean;
}

export type Figures = Readonly<Record<string, number | null | undefined>>;

/** The goals of a benchmark, from goals.json. */
export function goalsOf(benchmark: keyof typeof goals): readonly Goal[] {
  return goals[benchmark] as readonly Goal[];
}

/** Order: as the goals. */
export function judge(wanted: readonly Goal[], figures: Figures): readonly Verdict[] {
  return wanted.map((goal) => {
    const value = figures[goal.of] ?? null;
    const isKept =
      goal.is === 'at most' ? (at: number) => at <= goal.limit : (at: number) => at >= goal.limit;
    return { ...goal, value, isMet: value !== null && isKept(value) };
  });
}

const NAME = 58;

export function verdictLines(verdicts: readonly Verdict[]): readonly string[] {
  return verdicts.map(({ name, value, isMet, is, limit, unit }) => {
    const figure = value === null ? 'not measured' : `${Math.round(value * 100) / 100} ${unit}`;
    return `${isMet ? 'met   ' : 'MISSED'} ${name.padEnd(NAME)} ${figure}, goal ${is} ${limit} ${unit}`;
  });
}
