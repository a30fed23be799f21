import type { DemoLine, EndState } from './intent-file.ts';

/** An event as GET /intents/{id}/history gives it, as far as it is looked at here. */
export interface HistoryEvent {
  readonly topic: string;
  readonly timestamp: string;
  readonly sequence: number | null;
  readonly eventId: string;
  readonly payload?: unknown;
}

/** What the gateway said to a POST, in the end. */
export interface Answer {
  /** null: none came before the limit. */
  readonly http: number | null;
  readonly code: string | null;
  /** JSON pointers of the failing fields. */
  readonly fields: readonly string[];
  readonly intentId: string | null;
  /** When the request was sent that got this answer. Units: microseconds since the epoch. */
  readonly sentAtMicros: number;
  /** Why there was no answer. */
  readonly reason: string | null;
}

/** Where an accepted intent ended; null: not before the limit. */
export interface End {
  readonly state: EndState;
  readonly code: string | null;
}

/** What became of one line. */
export interface Outcome {
  readonly line: DemoLine;
  readonly answer: Answer;
  readonly end: End | null;
  /** In their order; empty when they were not to be had. */
  readonly events: readonly HistoryEvent[];
}

export interface Mismatch {
  readonly line: number;
  readonly name: string;
  readonly expected: string;
  readonly got: string;
}

/** Holds an outcome against what its line says. null: it ended as the line says. */
export function mismatchOf(outcome: Outcome): Mismatch | null {
  const { line, answer, end } = outcome;
  const { http, state, code, fields } = line.expect;
  const accepted = answer.intentId !== null;
  const gotCode = accepted ? (end?.code ?? null) : answer.code;
  const same =
    answer.http === http &&
    // An accepted intent has to end, whatever way the line leaves open.
    (!accepted || end !== null) &&
    (state === undefined || end?.state === state) &&
    (code === undefined || gotCode === code) &&
    (fields === undefined || listed(answer.fields) === listed(fields));
  if (same) return null;
  const expected = told({ http, state, code, fields });
  return { line: line.number, name: line.name, expected, got: gotOf(outcome, gotCode) };
}

function gotOf({ answer, end }: Outcome, code: string | null): string {
  const { http, intentId, fields, reason } = answer;
  if (http === null) return `no answer: ${reason}`;
  if (intentId === null) return told({ http, code, fields });
  const state = end?.state ?? 'no end within the limit';
  return `${told({ http, state, code })} (intent ${intentId})`;
}

function told(what: {
  readonly http: number;
  readonly state?: string | undefined;
  readonly code?: string | null | undefined;
  readonly fields?: readonly string[] | undefined;
}): string {
  const { http, state, code, fields } = what;
  const parts = [String(http), state, code ?? undefined, fields && `fields ${listed(fields)}`];
  return parts.filter((part) => part !== undefined).join(' ');
}

function listed(fields: readonly string[]): string {
  return JSON.stringify(fields.toSorted());
}
