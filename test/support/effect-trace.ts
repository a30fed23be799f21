import { appendFileSync } from 'node:fs';

/*
 * What several processes did and when, in one file: an append of a short line is atomic, so its order is the order
 * of time.
 */

type What = 'start' | 'failed' | 'done' | 'killed';

export interface TraceLine {
  readonly pid: number;
  readonly what: What;
  readonly key: string;
  readonly id: string;
}

export function trace(file: string, line: TraceLine): void {
  appendFileSync(file, `${JSON.stringify(line)}\n`);
}

export function traced(text: string): readonly TraceLine[] {
  const lines = text.split('\n').filter((line) => line !== '');
  return lines.map((line) => JSON.parse(line) as TraceLine);
}

/** Effects that began while another one of their key was under way. */
export function overlaps(lines: readonly TraceLine[]): readonly string[] {
  const found: string[] = [];
  walk(lines, (line, running) => {
    const others = [...running.values()].filter(({ key }) => key === line.key);
    for (const other of others)
      found.push(`${line.id} of ${line.pid} began during ${other.id} of ${other.pid}`);
  });
  return found;
}

export function mostAtOnce(lines: readonly TraceLine[]): number {
  let most = 0;
  walk(lines, (_line, running) => (most = Math.max(most, running.size + 1)));
  return most;
}

/** Tells of each start what is under way then; a killed process has nothing under way. */
function walk(
  lines: readonly TraceLine[],
  onStart: (line: TraceLine, running: ReadonlyMap<string, TraceLine>) => void,
): void {
  const running = new Map<string, TraceLine>();
  for (const line of lines) {
    if (line.what === 'start') {
      onStart(line, running);
      running.set(`${line.pid}|${line.id}`, line);
    } else if (line.what !== 'killed') running.delete(`${line.pid}|${line.id}`);
    else for (const [name, { pid }] of running) if (pid === line.pid) running.delete(name);
  }
}
