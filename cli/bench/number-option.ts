import { UsageError } from '../command.ts';

/** Throws: UsageError when the option is not a whole number from `least` to 1,000,000. */
export function positive(name: string, text: string, least = 1): number {
  const value = Number(text);
  if (Number.isInteger(value) && value >= least && value <= 1_000_000) return value;
  throw new UsageError(
    'WRONG_USE',
    `--${name} is ${text}; give a whole number from ${least} to 1,000,000.`,
  );
}

/** Shape: values with commas between them. Throws: UsageError like `positive`, and for an empty list. */
export function numbers(name: string, text: string, least = 1): readonly number[] {
  return parts(name, text).map((each) => positive(name, each, least));
}

/** Throws: UsageError with what is known. */
export function choices(name: string, text: string, known: readonly string[]): readonly string[] {
  const chosen = parts(name, text);
  const unknown = chosen.filter((each) => !known.includes(each));
  if (unknown.length === 0) return chosen;
  throw new UsageError(
    'WRONG_USE',
    `--${name} has ${unknown.join(', ')}; known are ${known.join(', ')}.`,
  );
}

function parts(name: string, text: string): readonly string[] {
  const all = text
    .split(',')
    .map((each) => each.trim())
    .filter((each) => each !== '');
  if (all.length > 0) return all;
  throw new UsageError('WRONG_USE', `--${name} is empty; give at least one.`);
}
