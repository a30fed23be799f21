import { userInfo } from 'node:os';
import { COMMAND_RECORD, type Command } from '../../engine/command.ts';
import type { Codec } from '../../engine/codec.ts';
import { KafkaError } from '../../kafka/client.ts';
import { UsageError } from '../command.ts';
import type { LogSession } from '../log/log-session.ts';
import type { ParkedKey } from './parked-keys.ts';

/**
 * Sends an operator's word about a parked key to the key's task, which acts on it after all that came before. `codec`: of
 * the registry, as what it encodes is read by others.
 *
 * Throws: UsageError when the application reads no control topic; KafkaError when the broker does not confirm.
 */
export async function commandKey(
  session: LogSession,
  { application, task, actor, key, messages }: ParkedKey,
  { act, codec }: { readonly act: Command['act']; readonly codec: Codec },
): Promise<Command> {
  const { client, names, admin } = session;
  const logical = `${application}.control`;
  const topic = names.physical(logical);
  if (!(await admin.listTopics()).includes(topic))
    throw new UsageError(
      'WRONG_USE',
      `There is no topic ${topic}: ${application} takes no commands. Run millrace topology apply.`,
    );
  const command: Command = {
    id: crypto.randomUUID(),
    act,
    actor,
    key,
    event_id: act === 'drop' ? (messages[0]?.eventId ?? '') : '',
    issued_by: userInfo().username,
    issued_at: Date.now() * 1000,
  };
  const value = codec.encode(logical, COMMAND_RECORD, command);
  const producer = client.producer();
  try {
    const record = { topic, partition: task, key: Buffer.from(key), value, headers: {} };
    const [result] = await producer.send([record]);
    if (result?.result === 'confirmed') return command;
    throw new KafkaError(
      result?.code ?? 'NO_RESULT',
      true,
      `${topic}/${task} did not confirm the command (${result?.code ?? ''}); say it again: a release said twice is ` +
        `one, and a drop names the message that it is about.`,
    );
  } finally {
    await producer.close();
  }
}
