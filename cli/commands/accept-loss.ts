import { parseArgs } from 'node:util';
import { AvroCodec, journalRecords } from '../../avro/index.ts';
import { type Command, UsageError } from '../command.ts';
import { topologyOf, withLog } from '../log/log-session.ts';
import {
  type AcceptedLoss,
  acceptLosses,
  lossesOf,
  type LossOptions,
} from '../loss/accept-loss.ts';

const USAGE = `
Usage: millrace accept-loss <application> <task> [--yes] [--from start|end] [--topology <file>] [--json]

A task stops with DATA_LOSS when a topic that it reads no longer holds the place up to which its journal says it was read: the
topic was made anew, records in front of the task were deleted, or the topic lost its end. It stays stopped until the topic is
restored, or somebody accepts the loss with this command.

Without --yes it says what would be given up, and changes nothing. With it the journal says where the task goes on, and
the task does so when its process is started again. What was handled stays handled: states, timers, effects and dead letters are
kept. By default a task goes on at the start of what is left, and at the end where the topic lost its end, because what is left there
was read before; --from says otherwise, for all sources that have lost something.

A journal that has lost records (JOURNAL_LOST_RECORDS) cannot be accepted: see docs/adr/020.
Exit code 1: nothing is lost. 2: wrong use, or no broker or registry answers.`;

export const command: Command = {
  name: 'accept-loss',
  summary: 'have a task that stopped with DATA_LOSS go on without what its topics have lost',
  usage: USAGE,

  async run(args, io) {
    const { values, positionals } = parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        yes: { type: 'boolean', default: false },
        from: { type: 'string' },
        topology: { type: 'string' },
        json: { type: 'boolean', default: false },
      },
    });
    const [application, task, ...rest] = positionals;
    const { yes, json } = values;
    const from = values.from ?? null;
    if (application === undefined || !/^\d{1,9}$/.test(task ?? '') || rest.length > 0)
      throw new UsageError('WRONG_USE', 'Say millrace accept-loss <application> <task>.');
    if (from !== null && from !== 'start' && from !== 'end')
      throw new UsageError('WRONG_USE', `--from is start or end, not ${from}.`);
    return withLog({ io, topologyFile: values.topology }, async (session, config) => {
      const topology = topologyOf(session, application);
      const partition = Number(task);
      const options = { topology, partition, from: from as LossOptions['from'] };
      const { length } = await session.admin.offsets(session.names.physical(topology.journal));
      if (partition >= length)
        throw new UsageError('WRONG_USE', `${application} has tasks 0 to ${length - 1}.`);
      let losses = await lossesOf(session, options);
      if (yes && losses.length > 0) {
        const { registryUrl } = config.stores;
        const { topicPrefix } = config.kafka;
        const subjects = journalRecords(application);
        const codec = await AvroCodec.start({ registryUrl, topicPrefix, subjects });
        losses = await acceptLosses(session, options, codec);
      }
      if (json) io.out(JSON.stringify({ application, task: partition, accepted: yes, losses }));
      else if (losses.length > 0) for (const line of linesOf(losses, yes)) io.out(line);
      else io.err(`Task ${partition} of ${application} can read on in every topic.`);
      return losses.length > 0 ? 0 : 1;
    });
  },
};

/** What is given up, for people. */
export function linesOf(losses: readonly AcceptedLoss[], isDone: boolean): readonly string[] {
  return [
    ...losses.flatMap(lossLines),
    isDone
      ? 'Accepted. Start the process of that task again.'
      : 'Nothing was changed. Say it again with --yes to give that up.',
  ];
}

function lossLines({ position, bounds, lost, next }: AcceptedLoss): readonly string[] {
  const { topic, partition, offset } = position;
  const where = `${topic}/${partition}`;
  const holds = `it holds ${bounds.start}…${bounds.end}`;
  const [what, given] = {
    anew: [
      `was made anew; the journal had read up to ${offset} of the topic before, now ${holds}`,
      `whatever the topic before held from ${offset} on`,
    ],
    start: [
      `has lost ${offset}…${bounds.start - 1}, which the journal says come next; ${holds}`,
      `those records${next > bounds.start ? `, and ${bounds.start}…${next - 1}` : ''}`,
    ],
    end: [
      `has lost its end: the journal had read up to ${offset}, and ${holds}`,
      next === bounds.end
        ? `what was written there since the loss, below ${bounds.end}`
        : `nothing; what of it was handled before is known by its event id and its origin, as far as they are kept`,
    ],
  }[lost];
  return [`${where} ${what}.`, `  given up: ${given}`, `  the task goes on at ${next}`];
}
