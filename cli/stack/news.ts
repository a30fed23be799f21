/** Something that happened to a part, as `millrace up` prints it: a line, or with `--json` an object. */
export interface News {
  readonly part: string;
  readonly what: keyof typeof WORDS;
  readonly ms?: number;
  readonly detail?: string;
}

const WORDS = {
  given: 'given',
  ready: 'ready',
  done: 'done',
  died: 'died',
  ended: 'stopped',
  'left-over-ended': 'left over, stopped',
} as const;

/** One line: part, what happened, how long it took, and what else is worth knowing. */
export function formatNews({ part, what, ms, detail }: News): string {
  const time = ms === undefined ? '' : `${(ms / 1000).toFixed(1)} s`;
  const line = `${part.padEnd(13)} ${WORDS[what].padEnd(8)} ${time.padStart(7)}`;
  return detail === undefined ? line.trimEnd() : `${line}  ${detail}`;
}
