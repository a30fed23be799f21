import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { UsageError, type Command, type ExitCode, type Io } from '../command.ts';
import { ROOT } from '../stack/programs.ts';
import { APPS } from '../stack/settings.ts';

const USAGE = `
Usage: millrace run <app…> [--json]
       millrace run --topology <file> [--json]

Runs apps of this system in this process until it is told to stop: ${APPS.join(', ')}.
With --topology it runs the topology that a file of yours exports, against the same servers.
The log goes to standard output, a JSON object a line.
`;

export const command: Command = {
  name: 'run',
  summary: 'run one or more apps, or a topology file, in this process',
  usage: USAGE,
  run,
};

/** What apps/main.ts gives out: both return when everything serves, and end the process themselves when told to stop. */
interface AppsMain {
  readonly runApps: (names: readonly string[]) => Promise<void>;
  readonly runTopology?: (file: string) => Promise<void>;
}

async function run(args: readonly string[], _io: Io): Promise<ExitCode> {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: { topology: { type: 'string' }, json: { type: 'boolean', default: false } },
  });
  const { topology: file } = values;
  if ((positionals.length === 0) === (file === undefined)) {
    throw new UsageError(
      'WRONG_USE',
      `millrace run needs either apps (${APPS.join(', ')}) or --topology <file>.`,
    );
  }
  const module: AppsMain = await import(pathToFileURL(join(ROOT, 'apps', 'main.ts')).href);
  if (file === undefined) await module.runApps(positionals);
  else if (module.runTopology !== undefined) await module.runTopology(resolve(file));
  else throw new UsageError('WRONG_USE', 'This version does not run topology files.');
  return 0;
}
