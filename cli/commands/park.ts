import { parseArgs } from 'node:util';
import { UsageError, type Command, type ExitCode, type Io } from '../command.ts';
import { withLog } from '../log/log-session.ts';
import { parkedKeys, type ParkedKey } from '../park/parked-keys.ts';

const USAGE = `
Usage: millrace park list [--application A] [--topology <file>] [--json]
       millrace park show <application> <actor> <key> [--topology <file>] [--json]

  list   the parked keys of each application, why, and how much waits behind each
  show   the messages of one queue, oldest first: the first is what the handler could not take

From the journals, as they are now. A key is parked because its handler threw; the others go on.
Exit code 1: that key is not parked. 2: wrong use, or no broker or registry answers.`;

export const command: Command = {
  name: 'park',
  summary: 'the parked keys, and what waits behind them',
  usage: USAGE,

  async run(args, io) {
    const { values, positionals } = parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        application: { type: 'string' },
        topology: { type: 'string' },
        json: { type: 'boolean', default: false },
      },
    });
    const [act, application, actor, key, ...rest] = positionals;
    const options = { io, topologyFile: values.topology };
    if (act === 'list' && application === undefined) {
      const keys = await withLog(options, (session) =>
        parkedKeys(session, values.application ?? null),
      );
      return list(keys, values.json, io);
    }
    if (act === 'show' && key !== undefined && rest.length === 0) {
      const keys = await withLog(options, (session) => parkedKeys(session, application ?? null));
      const found = keys.find((each) => each.actor === actor && each.key === key);
      return show(
        found ?? null,
        { what: `${actor} ${key} of ${application}`, json: values.json },
        io,
      );
    }
    throw new UsageError(
      'WRONG_USE',
      'Say millrace park list, or millrace park show <application> <actor> <key>.',
    );
  },
};

function list(keys: readonly ParkedKey[], json: boolean, io: Io): ExitCode {
  if (json) {
    const parked = keys.map(({ messages, ...rest }) => ({ ...rest, messages: messages.length }));
    io.out(JSON.stringify({ parked }));
    return 0;
  }
  for (const { application, task, actor, key, code, reason, messages } of keys) {
    io.out(`${application}/${task}  ${actor} ${key}  ${messages.length} messages  ${code}`);
    io.out(`  ${reason}`);
  }
  io.out(`${keys.length} keys are parked.`);
  return 0;
}

function show(
  found: ParkedKey | null,
  { what, json }: { readonly what: string; readonly json: boolean },
  io: Io,
): ExitCode {
  if (json) io.out(JSON.stringify({ parked: found }));
  if (found === null) {
    io.err(`${what} is not parked; millrace park list names what is.`);
    return 1;
  }
  if (json) return 0;
  io.out(`${what}: ${found.code}`);
  io.out(`  ${found.reason}`);
  for (const { type, eventId, sequence, payload } of found.messages)
    io.out(`  ${type} ${eventId} (${sequence ?? '-'})  ${JSON.stringify(payload)}`);
  return 0;
}
