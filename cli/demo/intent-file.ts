import { UsageError } from '../command.ts';

/** How a line of the file has to end. What is left out is not looked at. */
export interface Expectation {
  /** Status of the answer to POST /intents. */
  readonly http: number;
  /** Where an accepted intent ends. */
  readonly state?: EndState;
  /** Of the problem that refused it, or of the reason why an accepted intent failed. */
  readonly code?: string;
  /** JSON pointers of all failing fields, in any order. */
  readonly fields?: readonly string[];
}

export type EndState = 'Completed' | 'Failed';

export const END_STATES: readonly EndState[] = ['Completed', 'Failed'];

/** One line of the file. */
export interface DemoLine {
  /** From 1. */
  readonly number: number;
  readonly name: string;
  /** What is sent, as it is. */
  readonly text: string;
  readonly expect: Expectation;
}

/** More than any demonstration needs; each line is kept in memory. */
const MAX_LINES = 100_000;
const LINE_KEYS = ['name', 'body', 'raw', 'expect'];
const EXPECT_KEYS = ['http', 'state', 'code', 'fields'];

type Fields = Readonly<Record<string, unknown>>;

/**
 * Reads NDJSON: a line `{name, body | raw, expect: {http, state?, code?, fields?}}`; empty lines are passed over.
 *
 * Throws: UsageError with the line's number, what is wrong with it and the remedy.
 */
export function parseIntentFile(text: string, file: string): readonly DemoLine[] {
  const lines = text
    .split('\n')
    .map((content, index) => ({ content: content.trim(), number: index + 1 }))
    .filter(({ content }) => content !== '');
  if (lines.length === 0) throw new UsageError('WRONG_USE', `${file} has no line. Name another.`);
  if (lines.length > MAX_LINES) {
    const what = `${file} has ${lines.length} lines, more than ${MAX_LINES}. Split it.`;
    throw new UsageError('WRONG_USE', what);
  }
  return lines.map(({ content, number }) => parseLine(content, number, file));
}

function parseLine(content: string, number: number, file: string): DemoLine {
  const bad = (what: string): UsageError =>
    new UsageError('WRONG_USE', `${file}, line ${number}: ${what}`);
  const line = jsonOf(content, bad);
  if (!isObject(line)) {
    throw bad('is not a JSON object. Write {"name": …, "body": …, "expect": {"http": …}}.');
  }
  refuseUnknown(line, LINE_KEYS, bad);
  const { name, expect } = line;
  if (typeof name !== 'string' || name === '') throw bad('has no name. Give it a text as "name".');
  return { number, name, text: textOf(line, bad), expect: expectationOf(expect, bad) };
}

type Bad = (what: string) => UsageError;

function jsonOf(content: string, bad: Bad): unknown {
  try {
    return JSON.parse(content);
  } catch (error) {
    const { message } = error as SyntaxError;
    throw bad(`is not JSON: ${message}. To send broken JSON, put it as a text into "raw".`);
  }
}

function textOf(line: Fields, bad: Bad): string {
  const { body, raw } = line;
  if ('body' in line === 'raw' in line) {
    throw bad('has to have either "body" (any JSON) or "raw" (a text that is sent as it is).');
  }
  if (!('raw' in line)) return JSON.stringify(body);
  if (typeof raw !== 'string') throw bad('has a "raw" that is no text. Quote it.');
  return raw;
}

function expectationOf(expect: unknown, bad: Bad): Expectation {
  if (!isObject(expect)) throw bad('has no "expect". Say how it ends: {"http": 202, …}.');
  refuseUnknown(expect, EXPECT_KEYS, (what) => bad(`expect ${what}`));
  const { http, state, code, fields } = expect;
  if (!Number.isInteger(http) || Number(http) < 200 || Number(http) > 599) {
    throw bad('expect.http is no status from 200 to 599. Give a number, such as 202.');
  }
  if (state !== undefined && !END_STATES.includes(state as EndState)) {
    throw bad(`expect.state is none of ${END_STATES.join(', ')}. Name one, or leave it out.`);
  }
  if (code !== undefined && typeof code !== 'string') {
    throw bad('expect.code is no text. Give a code, such as "NOTIONAL_LIMIT".');
  }
  if (fields !== undefined && !isTexts(fields)) {
    throw bad('expect.fields is no list of JSON pointers. Write it as ["/amount_in"].');
  }
  return expect as unknown as Expectation;
}

function refuseUnknown(given: Fields, known: readonly string[], bad: Bad): void {
  const unknown = Object.keys(given).find((key) => !known.includes(key));
  if (unknown === undefined) return;
  throw bad(`has a ${JSON.stringify(unknown)}. It may have ${known.join(', ')}.`);
}

function isTexts(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((each) => typeof each === 'string');
}

function isObject(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
