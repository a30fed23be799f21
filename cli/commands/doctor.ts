import { parseArgs } from 'node:util';
import { type Command, type ExitCode, type Io } from '../command.ts';
import { type Diagnosis, examine } from '../doctor/examine.ts';
import { sinceMs } from '../log/duration.ts';
import { withLog } from '../log/log-session.ts';

export const command: Command = {
  name: 'doctor',
  summary: 'what is wrong, and what can safely be done about it',
  usage: `
Usage: millrace doctor [--since 1h] [--no-services] [--topology <file>] [--json]

Looks at the apps' /health and /metrics, topics and their settings, consumer groups, what waits in front of each task, parked
keys, void batches, dead letters, and gaps in the sequences of correlations that began since --since (90s, 15m, 24h, 7d, all).
Changes nothing. --no-services leaves the apps out, as --topology does. docs/guides/operations.md explains each finding.
Exit code 1: something is wrong. 2: wrong use, or no broker or registry answers.`,

  async run(args, io) {
    const { values } = parseArgs({
      args: [...args],
      options: {
        since: { type: 'string', default: '1h' },
        'no-services': { type: 'boolean', default: false },
        topology: { type: 'string' },
        json: { type: 'boolean', default: false },
      },
    });
    const nowMs = Date.now();
    const since = sinceMs(values.since, nowMs);
    const isOwn = values.topology === undefined && !values['no-services'];
    const diagnosis = await withLog({ io, topologyFile: values.topology }, (session, config) =>
      examine(session, {
        sinceMs: since,
        nowMs,
        config: isOwn ? config : null,
        partitions: config.kafka.partitions,
      }),
    );
    return report(diagnosis, values.json, io);
  },
};

function report({ findings, tasks }: Diagnosis, json: boolean, io: Io): ExitCode {
  const wrong = findings.filter(({ level }) => level === 'wrong').length;
  if (json) io.out(JSON.stringify({ findings, tasks }));
  else {
    for (const { level, code, where, what, remedy } of findings) {
      io.out(`${level.padEnd(5)}  ${code.padEnd(17)}  ${where}: ${what}`);
      io.out(`       ${remedy}`);
    }
    const waiting = tasks.reduce((sum, task) => sum + task.waiting, 0);
    io.out(
      `${tasks.length} tasks, ${waiting} records in front of them; ${wrong} wrong, ` +
        `${findings.length - wrong} to note.`,
    );
  }
  return wrong > 0 ? 1 : 0;
}
