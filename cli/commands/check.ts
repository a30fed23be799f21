import { parseArgs } from 'node:util';
import { isClean } from '../../testing/anomaly-checker.ts';
import { checkAll } from '../check/check-all.ts';
import { anomalyLines } from '../check/report-text.ts';
import { type Command, UsageError } from '../command.ts';
import { withLog } from '../log/log-session.ts';

export const command: Command = {
  name: 'check',
  summary: 'look through all topics for what is lost, doubled, reordered or torn',
  usage: `
Usage: millrace check [--application A]… [--topology <file>] [--settled] [--json]

Reads the sources, the journal and the outputs of each application from start to end and holds them against each other:
every input handled once and in order per key, every output published, in order and as journaled. Changes nothing, joins no
group, and may be used while the applications run: what is still on its way is counted as pending.

  --settled   nothing runs any more, so what is pending is lost

Exit code 1: an anomaly. 2: wrong use, or no broker or registry answers.`,

  async run(args, io) {
    const { values, positionals } = parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        application: { type: 'string', multiple: true, default: [] },
        topology: { type: 'string' },
        settled: { type: 'boolean', default: false },
        json: { type: 'boolean', default: false },
      },
    });
    if (positionals.length > 0)
      throw new UsageError('WRONG_USE', 'Say millrace check, with --application for one of them.');
    const { application, settled } = values;
    const reports = await withLog({ io, topologyFile: values.topology }, (session) =>
      checkAll(session, application, settled),
    );
    if (values.json) io.out(JSON.stringify({ reports }));
    else for (const line of reports.flatMap(anomalyLines)) io.out(line);
    if (reports.length === 0) io.err('There are no journals yet, so there is nothing to check.');
    return reports.every(isClean) ? 0 : 1;
  },
};
