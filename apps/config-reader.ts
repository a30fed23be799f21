import { readFileSync } from 'node:fs';
import { Secret } from './secret.ts';

/** One environment variable that cannot be used: what it holds, what it should hold, and what to do. */
export interface ConfigProblem {
  readonly variable: string;
  /** As given, passwords in URLs left out; null when the variable is not set. */
  readonly value: string | null;
  readonly problem: string;
  readonly remedy: string;
}

/** The environment asks for something that cannot be. Lists every bad variable, not only the first. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
  readonly code = 'INVALID_CONFIG';
  readonly reaction = 'stop';
  readonly problems: readonly ConfigProblem[];

  constructor(problems: readonly ConfigProblem[]) {
    const count = problems.length === 1 ? '1 setting' : `${problems.length} settings`;
    super(`${count} of the environment cannot be used:\n${problems.map(describe).join('\n')}`);
    this.problems = problems;
  }
}

function describe({ variable, value, problem, remedy }: ConfigProblem): string {
  const given = value === null ? `${variable} is not set` : `${variable}=${value}`;
  return `  ${given}: ${problem}. ${remedy}.`;
}

/** Inclusive bounds of a whole number. */
export interface Range {
  readonly min: number;
  readonly max: number;
}

/** What makes a text acceptable, and how to say so. */
export interface TextRule {
  readonly pattern: RegExp;
  readonly problem: string;
  readonly remedy: string;
}

/**
 * Takes typed values out of an environment and notes what is wrong with them.
 *
 * Order: read everything, then `finish`. An empty variable counts as one that is not set.
 */
export class ConfigReader {
  readonly #env: Readonly<Record<string, string | undefined>>;
  readonly #problems: ConfigProblem[] = [];

  constructor(env: Readonly<Record<string, string | undefined>>) {
    this.#env = env;
  }

  /** Throws: ConfigError (stop) with everything noted so far. */
  finish(): void {
    if (this.#problems.length > 0) throw new ConfigError(this.#problems);
  }

  reject(variable: string, problem: string, remedy: string): void {
    const value = this.raw(variable);
    this.#problems.push({
      variable,
      value: value === null ? null : withoutPassword(value),
      problem,
      remedy,
    });
  }

  raw(variable: string): string | null {
    const value = this.#env[variable]?.trim();
    return value === undefined || value === '' ? null : value;
  }

  /** The content of the file that the variable names; null when it is not set. */
  file(variable: string): string | null {
    const path = this.raw(variable);
    if (path === null) return null;
    try {
      return readFileSync(path, 'utf8');
    } catch {
      const remedy = `Set ${variable} to a file that this process may read`;
      this.reject(variable, 'no file that can be read', remedy);
      return null;
    }
  }

  /** A value that no message repeats: as it stands in the variable, or from a file, whose last line break is cut. */
  secret(variable: string, fileVariable: string): string | null {
    const given = this.#env[variable] ?? '';
    const path = this.raw(fileVariable);
    if (path === null) return given === '' ? null : given;
    if (given !== '') {
      const remedy = `Keep ${fileVariable} and leave ${variable} out, or the other way round`;
      this.reject(fileVariable, `one of two places, ${variable} being set too`, remedy);
    }
    const content = this.file(fileVariable)?.replace(/\r?\n$/, '') ?? null;
    if (content === '') {
      this.reject(fileVariable, 'an empty file', `Write the value of ${variable} into it`);
    }
    return content;
  }

  /** As `secret`, and of a form; what has another one is refused without being repeated. */
  secretOf(variable: string, fileVariable: string, rule: TextRule): Secret | null {
    const value = this.secret(variable, fileVariable)?.trim() ?? null;
    if (value === null || rule.pattern.test(value))
      return value === null ? null : new Secret(value);
    const { problem, remedy } = rule;
    this.#problems.push({ variable, value: '***', problem, remedy });
    return null;
  }

  text(variable: string, fallback: string, rule: TextRule): string {
    const value = this.raw(variable) ?? fallback;
    if (!rule.pattern.test(value)) this.reject(variable, rule.problem, rule.remedy);
    return value;
  }

  integer(variable: string, fallback: number, range: Range): number {
    const value = this.raw(variable);
    if (value === null) return fallback;
    const number = wholeNumber(value, range);
    if (number !== null) return number;
    this.reject(
      variable,
      'not a whole number in its range',
      `Set ${variable} to a whole number from ${range.min} to ${range.max}, or leave it out for ${fallback}`,
    );
    return fallback;
  }

  integers(variable: string, fallback: readonly number[], range: Range): readonly number[] {
    const value = this.raw(variable);
    if (value === null) return fallback;
    const numbers = value.split(',').map((part) => wholeNumber(part.trim(), range));
    if (numbers.length === fallback.length && numbers.every((number) => number !== null)) {
      return numbers;
    }
    this.reject(
      variable,
      `not ${fallback.length} whole numbers`,
      `Set ${variable} to ${fallback.length} whole numbers from ${range.min} to ${range.max}, separated by commas, such as ${fallback.join(',')}`,
    );
    return fallback;
  }

  flag(variable: string, fallback: boolean): boolean {
    const value = this.raw(variable)?.toLowerCase();
    if (value === undefined) return fallback;
    if (value === 'true' || value === '1') return true;
    if (value === 'false' || value === '0') return false;
    this.reject(variable, 'neither true nor false', `Set ${variable} to true or false`);
    return fallback;
  }

  choice<Choice extends string>(
    variable: string,
    fallback: Choice,
    choices: readonly Choice[],
  ): Choice {
    const value = this.raw(variable);
    if (value === null) return fallback;
    const found = choices.find((choice) => choice === value);
    if (found !== undefined) return found;
    const listed = choices.join(', ');
    this.reject(variable, 'not one of its values', `Set ${variable} to one of: ${listed}`);
    return fallback;
  }

  /** Empty items are left out. Each remaining item has to match the rule. */
  list(variable: string, fallback: readonly string[], rule: TextRule): readonly string[] {
    const value = this.raw(variable);
    if (value === null) return fallback;
    const items = value
      .split(',')
      .map((item) => item.trim())
      .filter((item) => item !== '');
    if (items.length === 0 || items.some((item) => !rule.pattern.test(item))) {
      this.reject(variable, rule.problem, rule.remedy);
    }
    return items;
  }

  /** Without the slash at the end. null when it is neither set nor has a fallback. */
  url<Fallback extends string | null>(
    variable: string,
    fallback: Fallback,
    schemes: readonly string[],
  ): string | Fallback {
    const value = this.raw(variable);
    if (value === null) return fallback;
    const parsed = URL.canParse(value) ? new URL(value) : null;
    if (parsed === null || parsed.hostname === '' || !schemes.includes(parsed.protocol)) {
      const forms = schemes.map((scheme) => `${scheme}//host`).join(' or ');
      this.reject(variable, 'not a URL of a known kind', `Set ${variable} to a URL like ${forms}`);
    }
    return value.replace(/\/+$/, '');
  }
}

function wholeNumber(text: string, range: Range): number | null {
  if (!/^\d{1,15}$/.test(text)) return null;
  const number = Number(text);
  return number >= range.min && number <= range.max ? number : null;
}

function withoutPassword(value: string): string {
  return value.replace(/(:\/\/[^:@/]*):[^@/]*@/, '$1:***@');
}
