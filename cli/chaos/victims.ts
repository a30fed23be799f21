import type { AppName } from '../../apps/config.ts';
import { UsageError } from '../command.ts';
import { isAlive, type PartRecord, type RunFolder } from '../stack/run-folder.ts';

/** Apps that own tasks, so that killing one means a takeover or a restore. */
export const WORKERS: readonly AppName[] = ['trading', 'orchestrator', 'coordinator'];

/** What `--kill` and `--pause` name besides parts: several at once, or the broker by its role. */
const ROLES: Readonly<Record<string, readonly string[]>> = { worker: WORKERS, broker: ['kafka'] };

/**
 * The parts that a word of the command line stands for.
 *
 * Throws: UsageError NOT_RUNNING without a `millrace up`, WRONG_USE for a part that it does not run.
 */
export function partsNamed(run: RunFolder, word: string): readonly string[] {
  if (run.supervisor() === null)
    throw new UsageError(
      'NOT_RUNNING',
      `No millrace up runs on ${run.folder}. Start it, or set MILLRACE_DATA to the folder it runs on.`,
    );
  const parts = ROLES[word] ?? [word];
  const own = run.readAll().filter(({ state }) => state !== 'given');
  const foreign = parts.find((part) => !own.some((each) => each.part === part));
  if (foreign === undefined) return parts;
  throw new UsageError(
    'WRONG_USE',
    `${foreign} is not run by the millrace up on ${run.folder}. Say ${Object.keys(ROLES).join(', ')}, or one of ` +
      `${own.map(({ part }) => part).join(', ')}.`,
  );
}

/** The process of a part, if it runs now. A record whose process is another one by now has none. */
export function pidOf(run: RunFolder, part: string): number | null {
  const record: PartRecord | null = run.read(part);
  return record !== null && record.state === 'running' && isAlive(record) ? record.pid : null;
}
