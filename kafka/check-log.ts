import { KafkaError, type KafkaAdmin, type TopicDescription } from './client.ts';

/** What of the log's settings lets acknowledged records be lost. */
export interface LogWeakness {
  /** Physical name. */
  readonly topic: string;
  readonly what: string;
  readonly have: string;
  readonly want: string;
  /** Whether a single node may have it: its disk is then the only copy, but nothing is forgotten by itself. */
  readonly isAcceptable: boolean;
}

export class LogNotTrustedError extends Error {
  override readonly name = 'LogNotTrustedError';
  readonly code = 'LOG_NOT_TRUSTED';
  readonly reaction = 'stop';
  readonly weaknesses: readonly LogWeakness[];
  constructor(weaknesses: readonly LogWeakness[]) {
    const list = weaknesses.map(
      ({ topic, what, have, want }) => `- ${topic}: ${what} is ${have}, wanted ${want}`,
    );
    super(
      `The log may lose what it has acknowledged:\n${list.join('\n')}\n` +
        `Set these on the broker. On one node replication is accepted as it is with SINGLE_NODE=1, and with it the ` +
        `loss of whatever the node's disk loses; a journal that forgets by itself is never accepted.`,
    );
    this.weaknesses = weaknesses;
  }
}

const LEAST_REPLICAS = 3;
const LEAST_IN_SYNC = 2;
/** Settings that must not be on; a broker that does not know one cannot have it on. */
const MUST_BE_OFF = ['unclean.leader.election.enable', 'write.caching'] as const;

/** What a journal must have on any number of nodes: it is cleaned by its owner, never by the broker (J9). */
const MUST_BE = {
  'cleanup.policy': 'delete',
  'retention.ms': '-1',
  'retention.bytes': '-1',
  'segment.bytes': String(64 * 1024 * 1024),
} as const;

/**
 * Whether journals stand where an acknowledged append is never lost. With `singleNode` those that come of having one
 * node are returned, to be said at start; without they are refused, and what lets a journal forget always is.
 *
 * Throws: LogNotTrustedError (stop); KafkaError, also when a journal is missing. Source: J10, F9.
 */
export async function checkLog(
  admin: KafkaAdmin,
  journals: readonly string[],
  options: { readonly singleNode: boolean },
): Promise<readonly LogWeakness[]> {
  const described = await admin.describeTopics(journals);
  const missing = journals.filter((journal) => !described.some(({ name }) => name === journal));
  if (missing.length > 0) {
    const message = `There is no journal ${missing.join(', ')}. Run 'millrace topology apply' first.`;
    throw new KafkaError('UNKNOWN_TOPIC_OR_PARTITION', false, message);
  }
  const weaknesses = described.flatMap(weaknessesOf);
  const refused = weaknesses.filter(({ isAcceptable }) => !(isAcceptable && options.singleNode));
  if (refused.length > 0) throw new LogNotTrustedError(refused);
  return weaknesses;
}

function weaknessesOf({ name, replicationFactor, configs }: TopicDescription): LogWeakness[] {
  const weaknesses: LogWeakness[] = [];
  const note = (what: string, have: string, want: string, isAcceptable = true): void => {
    weaknesses.push({ topic: name, what, have, want, isAcceptable });
  };
  if (replicationFactor < LEAST_REPLICAS)
    note('replication factor', String(replicationFactor), `at least ${LEAST_REPLICAS}`);
  const inSync = configs['min.insync.replicas'] ?? '(unknown)';
  // Written so that what is not a number is a weakness.
  if (!(Number(inSync) >= LEAST_IN_SYNC))
    note('min.insync.replicas', inSync, `at least ${LEAST_IN_SYNC}`);
  for (const setting of MUST_BE_OFF)
    if (configs[setting] === 'true') note(setting, 'true', 'false');
  for (const [setting, want] of Object.entries(MUST_BE)) {
    const have = configs[setting] ?? want;
    if (have !== want) note(setting, have, want, false);
  }
  return weaknesses;
}
