import { HEADER, type Headers } from './event.ts';

/** Which journal entry of which task a record was published from (J5, J7a). */
export interface Origin {
  readonly application: string;
  readonly task: number;
  readonly n: number;
  readonly index: number;
}

export function formatOrigin(origin: Origin): string {
  return `${origin.application}/${origin.task}/${origin.n}/${origin.index}`;
}

/** The origin named by a record's headers; null for records of foreign producers. */
export function originOf(headers: Headers): Origin | null {
  const text = headers[HEADER.origin];
  return text === undefined ? null : last.of(text);
}

/** A record is asked for its origin several times in a row. */
class LastOrigin {
  #text = '';
  #origin: Origin | null = null;

  of(text: string): Origin | null {
    if (text !== this.#text) {
      this.#origin = parsed(text);
      this.#text = text;
    }
    return this.#origin;
  }
}

const last = new LastOrigin();

function parsed(text: string): Origin | null {
  const [application, task, n, index, rest] = text.split('/');
  if (!application || rest !== undefined) return null;
  const origin = { application, task: Number(task), n: Number(n), index: Number(index) };
  const isWhole =
    Number.isSafeInteger(origin.task) &&
    Number.isSafeInteger(origin.n) &&
    Number.isSafeInteger(origin.index);
  return isWhole ? origin : null;
}

/** Whether (n, index) comes after (otherN, otherIndex). */
export function isAfter(n: number, index: number, otherN: number, otherIndex: number): boolean {
  return n > otherN || (n === otherN && index > otherIndex);
}
