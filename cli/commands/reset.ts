import { existsSync, readdirSync, rmdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { APP_NAMES } from '../../apps/config.ts';
import { UsageError, type Command, type ExitCode, type Io } from '../command.ts';
import { endLeftovers } from '../stack/leftovers.ts';
import { formatNews } from '../stack/news.ts';
import { RunFolder } from '../stack/run-folder.ts';
import { ALL_SERVERS } from '../stack/servers.ts';
import { dataFolderOf } from '../stack/settings.ts';

const USAGE = `
Usage: millrace reset [--json]

Wipes the data of the local system: what millrace up made in MILLRACE_DATA (.data). Refuses while it runs.
`;

export const command: Command = {
  name: 'reset',
  summary: 'wipe the data of the local system',
  usage: USAGE,
  run,
};

/** What millrace makes in the data folder. Anything else there belongs to somebody else. */
const OWN = [...ALL_SERVERS, ...APP_NAMES, 'run', 'log', 'state', 'import'];

async function run(args: readonly string[], io: Io): Promise<ExitCode> {
  const { values } = parseArgs({
    args: [...args],
    options: { json: { type: 'boolean', default: false } },
  });
  const folder = dataFolderOf(io.env);
  const runFolder = new RunFolder(folder);
  const pid = runFolder.supervisor()?.pid ?? null;
  if (pid !== null) {
    throw new UsageError(
      'ALREADY_RUNNING',
      `millrace up runs on ${folder}, as pid ${pid}. Stop it before its data is wiped.`,
    );
  }
  await endLeftovers(runFolder, (news) => {
    if (!values.json) io.out(formatNews(news));
  });
  const { wiped, left } = wipe(folder);
  const rest = left.length === 0 ? '' : `; left alone: ${left.join(', ')}`;
  const text = wiped.length === 0 ? `${folder} holds no data` : `wiped ${folder}`;
  io.out(values.json ? JSON.stringify({ folder, wiped, left }) : `${text}${rest}`);
  return 0;
}

function wipe(folder: string): { readonly wiped: string[]; readonly left: string[] } {
  if (!existsSync(folder)) return { wiped: [], left: [] };
  const entries = readdirSync(folder);
  const wiped = entries.filter((entry) => OWN.includes(entry));
  const left = entries.filter((entry) => !OWN.includes(entry));
  for (const entry of wiped) rmSync(join(folder, entry), { recursive: true, force: true });
  if (left.length === 0) rmdirSync(folder);
  return { wiped, left };
}
