import { parseArgs } from 'node:util';
import type { Config } from '../../apps/config.ts';
import { AvroCodec } from '../../avro/index.ts';
import { COMMAND_RECORD } from '../../engine/command.ts';
import { UsageError, type Command, type ExitCode, type Io } from '../command.ts';
import { withLog } from '../log/log-session.ts';
import { commandKey } from '../park/command-key.ts';
import { parkedKeys, type ParkedKey } from '../park/parked-keys.ts';

const USAGE = `
Usage: millrace park list [--application A] [--topology <file>] [--json]
       millrace park show|release|drop <application> <actor> <key> [--topology <file>] [--json]

  list     the parked keys of each application, why, and how much waits behind each
  show     the messages of one queue, oldest first: the first is what the handler could not take
  release  have the queue handled again, from its head, before anything that comes now: after the fix is deployed
  drop     send the head to the dead letters and have the others handled; it can be redriven later

From the journals, as they are now. A key is parked because its handler threw; the others go on. Release and drop are
journaled like any message; millrace park show says what came of them.
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
    if ((act === 'release' || act === 'drop') && key !== undefined && rest.length === 0)
      return withLog(options, async (session, config) => {
        const keys = await parkedKeys(session, application ?? null);
        const found = keys.find((each) => each.actor === actor && each.key === key);
        const what = `${actor} ${key} of ${application}`;
        if (found === undefined) return notParked(what, io);
        const codec = await controlCodec(config, found.application);
        const command = await commandKey(session, found, { act, codec });
        if (values.json) io.out(JSON.stringify({ command }));
        else
          io.out(
            `${act === 'drop' ? 'Drop' : 'Release'} of ${what} is sent to task ${found.task}.`,
          );
        return 0;
      });
    throw new UsageError(
      'WRONG_USE',
      'Say millrace park list, or millrace park show|release|drop <application> <actor> <key>.',
    );
  },
};

/** Throws: CodecError REGISTRY_AWAY. */
function controlCodec({ stores, kafka }: Config, application: string): Promise<AvroCodec> {
  const { registryUrl } = stores;
  const { topicPrefix } = kafka;
  const record = { topic: `${application}.control`, record: COMMAND_RECORD };
  return AvroCodec.start({ registryUrl, topicPrefix, subjects: [record] });
}

function list(keys: readonly ParkedKey[], json: boolean, io: Io): ExitCode {
  if (json) {
    const parked = keys.map(({ messages, ...rest }) => ({ ...rest, messages: messages.length }));
    io.out(JSON.stringify({ parked }));
    return 0;
  }
  for (const { application, task, actor, key, code, reason, messages, due } of keys) {
    const again = due === null ? '' : `  again at ${due}`;
    io.out(`${application}/${task}  ${actor} ${key}  ${messages.length} messages  ${code}${again}`);
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
  if (found === null) return notParked(what, io);
  if (json) return 0;
  io.out(`${what}: ${found.code}`);
  io.out(`  ${found.reason}`);
  for (const { type, eventId, sequence, payload } of found.messages)
    io.out(`  ${type} ${eventId} (${sequence ?? '-'})  ${JSON.stringify(payload)}`);
  return 0;
}

function notParked(what: string, io: Io): ExitCode {
  io.err(`${what} is not parked; millrace park list names what is.`);
  return 1;
}
