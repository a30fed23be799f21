import {
  BOT_APPLICATION,
  BOT_TOPIC,
  ORIGINAL_TOPIC_HEADER,
  readBotRecord,
} from '../../apps/bot-record.ts';
import { UsageError } from '../command.ts';
import type { LogSession } from '../log/log-session.ts';
import { learn, RecordSource } from '../log/record-source.ts';
import type { Letter } from './letters.ts';
import { type RedrivePlan, redriveHeaders } from './redrive-plan.ts';

/** Whether the sink of bots set it aside: no application with a journal did. */
export function isOfBots({ application }: Letter): boolean {
  return application === BOT_APPLICATION;
}

/**
 * Reads letters of bots by today's rules; nothing is written. What passes is stored once, under its event_id, in whatever
 * order it comes: readers sort by ts_utc (S-45).
 */
export async function planBotLetters(
  session: LogSession,
  letters: readonly Letter[],
): Promise<readonly RedrivePlan[]> {
  const records = new RecordSource(session);
  const plans: RedrivePlan[] = [];
  for (const letter of letters) {
    const { partition } = letter;
    const none = { letter, partition, movedPast: false, states: [], emits: [] };
    const record = await records.at(letter.topic, partition, letter.offset);
    if (record === null) {
      plans.push({ ...none, outcome: 'gone', error: null });
      continue;
    }
    const headers = redriveHeaders(letter, record.headers);
    await learn(session.codec, record.value);
    const back = { ...record, topic: BOT_TOPIC.redrive, headers, timestampMs: 0 };
    const { reject } = readBotRecord(back, session.codec);
    if (reject === null) plans.push({ ...none, outcome: 'handled', error: null });
    else {
      const error = `${reject.code}: ${reject.message}`;
      plans.push({ ...none, outcome: 'dead letter again', error });
    }
  }
  return plans;
}

/**
 * The plan of a letter with a corrected event instead of its own, as JSON.
 *
 * Throws: UsageError for more than one letter, and for one that is not of bots.
 */
export function corrected(
  letters: readonly Letter[],
  event: Uint8Array,
  { codec }: LogSession,
): RedrivePlan {
  const [letter] = letters;
  if (letter === undefined || letters.length > 1 || !isOfBots(letter))
    throw new UsageError(
      'WRONG_USE',
      `--event takes the place of one letter of bots; ${letters.length} letters were named` +
        (letter === undefined ? '.' : `, the first of '${letter.application}'.`),
    );
  const instead = { value: event, headers: { [ORIGINAL_TOPIC_HEADER]: BOT_TOPIC.json } };
  const { partition } = letter;
  const place = { topic: BOT_TOPIC.redrive, partition, offset: 0, leaderEpoch: 0, timestampMs: 0 };
  const { reject } = readBotRecord({ ...place, key: null, ...instead }, codec);
  const none = { letter, partition, movedPast: false, states: [], emits: [], instead };
  if (reject === null) return { ...none, outcome: 'handled', error: null };
  throw new UsageError(
    'WRONG_USE',
    `The event of --event is none by the rules either: ${reject.message}.`,
  );
}
