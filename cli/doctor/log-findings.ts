import { BOT_SINK_TOPICS } from '../../apps/bot-sink.ts';
import { type LogWeakness, checkLog } from '../../kafka/check-log.ts';
import { planTopics } from '../../kafka/topics.ts';
import { topicsOf } from '../../topologies/topics.ts';
import { depthsOf, deadLetterTopicsOf, lettersOf } from '../dlq/letters.ts';
import type { LogSession } from '../log/log-session.ts';
import type { Finding } from './finding.ts';

/** From here on dead letters are no longer single mishaps (E-59). */
const MANY_LETTERS = 10;

export interface TopicOptions {
  readonly partitions: number;
  /** Whether the sink of bots is part of what is looked at: it belongs to no topology. */
  readonly hasBots: boolean;
}

/** Whether the topics are there, set as they must be, and on a log that may be trusted (J10). */
export async function examineTopics(
  session: LogSession,
  { partitions, hasBots }: TopicOptions,
): Promise<readonly Finding[]> {
  const { admin, names, topologies } = session;
  const settings = { partitions, replicationFactor: 1, names };
  const { create, differs } = await planTopics(
    admin,
    [...topicsOf(topologies), ...(hasBots ? BOT_SINK_TOPICS : [])],
    settings,
  );
  const missing = create.map(({ name }): Finding => ({
    level: 'wrong',
    code: 'TOPIC_MISSING',
    where: name,
    what: 'the topic is not there',
    remedy: 'millrace topology apply creates it; find out who removed it if it was there before.',
  }));
  const others = differs.map(({ topic, what, have, want }): Finding => ({
    level: 'wrong',
    code: 'TOPIC_DIFFERS',
    where: names.logical(topic),
    what: `${what} is ${have}, wanted ${want}`,
    remedy:
      'Set it back on the broker where that is safe; the number of partitions is fixed for good.',
  }));
  return [...missing, ...others, ...(await weaknesses(session))];
}

async function weaknesses({ admin, names, topologies }: LogSession): Promise<readonly Finding[]> {
  const existing = new Set(await admin.listTopics());
  const journals = topologies
    .map(({ journal }) => names.physical(journal))
    .filter((journal) => existing.has(journal));
  const found = await checkLog(admin, journals, { singleNode: true });
  const byText = Map.groupBy(found, ({ what, have, want }: LogWeakness) => {
    return `${what} is ${have}, wanted ${want}`;
  });
  return [...byText].map(([what, each]): Finding => ({
    level: 'note',
    code: 'LOG_MAY_FORGET',
    where: each.length === 1 ? names.logical(each[0]?.topic ?? '') : `${each.length} journals`,
    what,
    remedy:
      'On one node this is accepted: what its disk loses is lost. On a cluster set it on the broker.',
  }));
}

/** Whether the groups have members, and are settled. */
export async function examineGroups(session: LogSession): Promise<readonly Finding[]> {
  const { admin, names, topologies } = session;
  const groups = new Map((await admin.listGroups()).map(({ id, state }) => [id, state]));
  return topologies.flatMap(({ application }): readonly Finding[] => {
    const state = (groups.get(names.physical(application)) ?? 'NONE').toUpperCase();
    if (state === 'STABLE') return [];
    const isMoving = state.includes('REBALANC');
    return [
      {
        level: isMoving ? 'note' : 'wrong',
        code: isMoving ? 'GROUP_REBALANCING' : 'GROUP_EMPTY',
        where: application,
        what: isMoving
          ? 'its members are being assigned anew'
          : `its group has no member (${state})`,
        remedy: isMoving ? 'Look again in a few seconds.' : 'Start a process that runs it.',
      },
    ];
  });
}

/** Dead letters that wait for somebody. */
export async function examineLetters(session: LogSession): Promise<readonly Finding[]> {
  const topics = await deadLetterTopicsOf(session);
  const depths = depthsOf(topics, await lettersOf(session, topics));
  return depths.flatMap(({ topic, letters, oldest }): readonly Finding[] =>
    letters === 0
      ? []
      : [
          {
            level: letters > MANY_LETTERS ? 'wrong' : 'note',
            code: 'DEAD_LETTERS',
            where: topic,
            what: `${letters} dead letters, the oldest of ${oldest ?? '?'}`,
            remedy: `See millrace dlq peek ${topic}; then millrace dlq redrive --dry-run.`,
          },
        ],
  );
}
