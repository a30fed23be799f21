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
