import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { UsageError, type Command, type ExitCode, type Io } from '../command.ts';
import { APP_NAMES } from '../../apps/config.ts';

const USAGE = `
Usage: millrace run <app…> [--json]
       millrace run --topology <file> [--json]

Runs apps of this system in this process until it is told to stop: ${APP_NAMES.join(', ')}.
With --topology it runs the topology that a file of yours exports, against the same servers.
The log goes to standard output, a JSON object a line.
`;

export const command: Command = {
  name: 'run',
  summary: 'run one or more apps, or a topology file, in this process',
  usage: USAGE,
  run,
};

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
      `millrace run needs either apps (${APP_NAMES.join(', ')}) or --topology <file>.`,
    );
  }
  // Loaded only now: --help needs none of it.
  const { runApps } = await import('../../apps/main.ts');
  if (file === undefined) await runApps(positionals);
  else await runApps([], { topologyFile: resolve(file) });
  return 0;
}
