import { KafkaError, type KafkaAdmin, type TopicDescription } from './client.ts';

/** What of the log's settings lets acknowledged records be lost. */
export interface LogWeakness {
  /** Physical name. */
  readonly topic: string;
  readonly what: string;
  readonly have: string;
  readonly want: string;
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
        `Set these on the broker, or accept a single node and with it the loss of whatever its disk loses.`,
    );
    this.weaknesses = weaknesses;
  }
}

const LEAST_REPLICAS = 3;
const LEAST_IN_SYNC = 2;
/** Settings that must not be on; a broker that does not know one cannot have it on. */
const MUST_BE_OFF = ['unclean.leader.election.enable', 'write.caching'] as const;

/**
 * Whether journals stand where an acknowledged append is never lost. With `singleNode` weaknesses are returned,
 * to be said at start; without they are refused.
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
  if (weaknesses.length > 0 && !options.singleNode) throw new LogNotTrustedError(weaknesses);
  return weaknesses;
}

function weaknessesOf({ name, replicationFactor, configs }: TopicDescription): LogWeakness[] {
  const weaknesses: LogWeakness[] = [];
  const note = (what: string, have: string, want: string): void => {
    weaknesses.push({ topic: name, what, have, want });
  };
  if (replicationFactor < LEAST_REPLICAS)
    note('replication factor', String(replicationFactor), `at least ${LEAST_REPLICAS}`);
  const inSync = configs['min.insync.replicas'] ?? '(unknown)';
  // Written so that what is not a number is a weakness.
  if (!(Number(inSync) >= LEAST_IN_SYNC))
    note('min.insync.replicas', inSync, `at least ${LEAST_IN_SYNC}`);
  for (const setting of MUST_BE_OFF)
    if (configs[setting] === 'true') note(setting, 'true', 'false');
  return weaknesses;
}
