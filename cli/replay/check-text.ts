import type { Difference } from './batch-difference.ts';
import type { ApplicationCheck } from './check.ts';

/** Characters of a value that a line shows; `--json` has all of it. */
const VALUE_CHARACTERS = 400;
/** Differences shown; `--json` has up to 200 whole. */
const SHOWN = 20;

/** A check as lines for people. */
export function checkLines(check: ApplicationCheck): readonly string[] {
  const { application, tasks, batches, inputs, unchecked, keys, differences } = check;
  const gone = unchecked === 0 ? '' : `, ${unchecked} batches whose records are gone left out`;
  const verdict = keys.length === 0 ? 'nothing would differ' : `${keys.length} keys would differ`;
  return [
    `${application}: ${verdict} (${tasks} tasks, ${batches} batches, ${inputs} inputs run again${gone})`,
    ...(check.graphChanged
      ? ['  the graph of fused actors has changed: a deploy drains its internal topics first']
      : []),
    ...differences.slice(0, SHOWN).flatMap(differenceLines),
    ...(differences.length > SHOWN ? [`  … and more; --json has them`] : []),
  ];
}

function differenceLines({ n, actor, key, what, was, would }: Difference): readonly string[] {
  return [
    `  ${actor} ${key}: ${what}, in batch ${n}`,
    `    was    ${cut(was)}`,
    `    would  ${cut(would)}`,
  ];
}

function cut(value: unknown): string {
  const text = JSON.stringify(value) ?? 'nothing';
  return text.length > VALUE_CHARACTERS ? `${text.slice(0, VALUE_CHARACTERS)}…` : text;
}
