/** One place at which two values differ. */
export interface ValueDifference {
  /** Names from the root on: `applications risk.workers actors risk emits`. */
  readonly path: readonly string[];
  /** Absent: not there. */
  readonly file?: unknown;
  readonly here?: unknown;
}

/** Every place at which two JSON values differ; a list counts as one value. */
export function valueDifferences(
  file: unknown,
  here: unknown,
  path: readonly string[] = [],
): readonly ValueDifference[] {
  if (JSON.stringify(file) === JSON.stringify(here)) return [];
  if (!isRecord(file) || !isRecord(here))
    return [
      {
        path,
        ...(file === undefined ? {} : { file }),
        ...(here === undefined ? {} : { here }),
      },
    ];
  const names = [...new Set([...Object.keys(file), ...Object.keys(here)])];
  return names.flatMap((name) => valueDifferences(file[name], here[name], [...path, name]));
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
