import { parseArgs } from 'node:util';
import { applyTopicsOf, planAll, weaknessesOf } from '../../apps/apply.ts';
import { type Config, loadConfig } from '../../apps/config.ts';
import { KafkaError } from '../../kafka/client.ts';
import type { LogWeakness } from '../../kafka/check-log.ts';
import { type TopicDifference, type TopicPlan, TopicsDifferError } from '../../kafka/topics.ts';
import { UsageError, type Command, type ExitCode, type Io } from '../command.ts';

export const command: Command = {
  name: 'topology',
  summary: 'compare the topics of the broker with what the apps need, or create what is missing',
  usage: `
Usage: millrace topology plan|apply [--json]

  plan    say what apply would create, and what differs; changes nothing
  apply   create what is missing; refuses, and creates nothing, when anything differs

Takes KAFKA_BROKERS, TOPIC_PREFIX and PARTITIONS from the environment.
Exit code 1: something differs, and nothing here changes it. 2: wrong use, or no broker answers.`,

  async run(args, io) {
    const { values, positionals } = parseArgs({
      args: [...args],
      allowPositionals: true,
      options: { json: { type: 'boolean', default: false } },
    });
    const [act, ...rest] = positionals;
    if ((act !== 'plan' && act !== 'apply') || rest.length > 0)
      throw new UsageError('WRONG_USE', 'Say millrace topology plan or millrace topology apply.');
    const config = loadConfig(io.env);
    try {
      const plan = await (act === 'plan' ? planAll(config) : applyTopicsOf(config));
      const weaknesses = await weaknessesOf(config);
      const prefix = config.kafka.topicPrefix;
      return report({ act, plan, weaknesses, prefix, json: values.json }, io);
    } catch (error) {
      if (error instanceof TopicsDifferError) return differ(error.differences, values.json, io);
      throw asUsageError(error, config);
    }
  },
};

interface Outcome {
  readonly act: 'plan' | 'apply';
  readonly plan: TopicPlan;
  readonly weaknesses: readonly LogWeakness[];
  readonly prefix: string;
  readonly json: boolean;
}

function report({ act, plan, weaknesses, prefix, json }: Outcome, io: Io): ExitCode {
  if (json) {
    io.out(JSON.stringify({ ...plan, weaknesses }));
    return plan.differs.length > 0 ? 1 : 0;
  }
  const verb = act === 'plan' ? 'create' : 'created';
  for (const { name, kind } of plan.create) io.out(`${verb.padEnd(8)} ${prefix}${name}  (${kind})`);
  io.out(
    `${plan.same.length} topics are as they should be, ${plan.create.length} ` +
      `${act === 'plan' ? 'to create' : 'created'}, ${plan.differs.length} settings differ.`,
  );
  for (const line of singleNodeLines(plan, weaknesses)) io.out(line);
  return plan.differs.length > 0 ? differ(plan.differs, false, io) : 0;
}

/** What is accepted of a single node, each once (J10). */
function singleNodeLines(
  { create }: TopicPlan,
  weaknesses: readonly LogWeakness[],
): readonly string[] {
  const lines = weaknesses.map(({ what, have, want }) => `${what} is ${have}, not ${want}`);
  const hasNewJournal = create.some(({ kind }) => kind === 'journal');
  // Of journals that are not there yet only this is known.
  if (lines.length === 0 && hasNewJournal) lines.push('new journals get one replica');
  return [...new Set(lines)].map(
    (line) => `Single node: ${line}, so what this broker loses is lost.`,
  );
}

function differ(differences: readonly TopicDifference[], json: boolean, io: Io): ExitCode {
  if (json) io.out(JSON.stringify({ differs: differences }));
  else io.err(new TopicsDifferError(differences).message);
  return 1;
}

function asUsageError(error: unknown, config: Config): unknown {
  if (!(error instanceof KafkaError) || !error.canRetry) return error;
  const brokers = config.kafka.brokers.join(', ');
  return new UsageError(
    'NOT_RUNNING',
    `No broker answers at ${brokers}. Start it, or set KAFKA_BROKERS to where it is.`,
  );
}
