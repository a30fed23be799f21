import { parseArgs } from 'node:util';
import { UsageError, type Command, type ExitCode, type Io } from '../command.ts';
import { sinceMs } from '../log/duration.ts';
import { type LogSession, topologyOf, withLog } from '../log/log-session.ts';
import { type ApplicationCheck, checkApplication } from '../replay/check.ts';
import { checkLines } from '../replay/check-text.ts';

const USAGE = `
Usage: millrace replay --check [--application A]… [--since all] [--topology <file>] [--json]

  --check   run today's code over the recorded journals, and name the actors and keys whose state or emits would be others;
            changes nothing. npm run gate:replay is this, before a deploy. --since 24h leaves older batches out.

Exit code 1: something would differ. 2: wrong use, or no broker or registry answers.`;

export const command: Command = {
  name: 'replay',
  summary: "run today's code over what was recorded",
  usage: USAGE,

  async run(args, io) {
    const { values, positionals } = parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        check: { type: 'boolean', default: false },
        application: { type: 'string', multiple: true, default: [] },
        since: { type: 'string', default: 'all' },
        topology: { type: 'string' },
        json: { type: 'boolean', default: false },
      },
    });
    if (!values.check || positionals.length > 0)
      throw new UsageError('WRONG_USE', 'Say millrace replay --check.');
    const since = sinceMs(values.since, Date.now());
    const checks = await withLog({ io, topologyFile: values.topology }, (session) =>
      checkAll(session, values.application, since),
    );
    return report(checks, values.json, io);
  },
};

async function checkAll(
  session: LogSession,
  wanted: readonly string[],
  since: number | null,
): Promise<readonly ApplicationCheck[]> {
  const existing = new Set(await session.admin.listTopics());
  const topologies =
    wanted.length === 0 ? session.topologies : wanted.map((name) => topologyOf(session, name));
  const checks: ApplicationCheck[] = [];
  for (const topology of topologies)
    if (existing.has(session.names.physical(topology.journal)))
      checks.push(await checkApplication(session, topology, since));
  return checks;
}

function report(checks: readonly ApplicationCheck[], json: boolean, io: Io): ExitCode {
  if (json) io.out(JSON.stringify({ checks }));
  else for (const line of checks.flatMap(checkLines)) io.out(line);
  if (checks.length === 0) io.err('There are no journals yet, so there is nothing to compare.');
  return checks.some(({ keys }) => keys.length > 0) ? 1 : 0;
}
