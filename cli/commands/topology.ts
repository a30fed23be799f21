import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { applyTopicsOf, planAll, weaknessesOf } from '../../apps/apply.ts';
import { type Config, loadConfig } from '../../apps/config.ts';
import { KafkaError } from '../../kafka/client.ts';
import type { LogWeakness } from '../../kafka/check-log.ts';
import { type TopicDifference, type TopicPlan, TopicsDifferError } from '../../kafka/topics.ts';
import { UsageError, type Command, type ExitCode, type Io } from '../command.ts';
import { exportTopology, FORMAT } from '../topology/exported-topology.ts';
import { type GraphFormat, graphText } from '../topology/graph-text.ts';
import { knownTopology } from '../topology/known-topology.ts';
import { valueDifferences } from '../topology/value-difference.ts';

const USAGE = `
Usage: millrace topology plan|apply [--json]
       millrace topology graph [--format mermaid|dot] [--topology <file>] [--json]
       millrace topology export [--topology <file>]
       millrace topology import <exported file> [--topology <file>] [--json]

  plan     say what apply would create, and what differs; changes nothing
  apply    create what is missing; refuses, and creates nothing, when anything differs
  graph    today's topics and actors as text for a drawing program
  export   today's graph with its schemas and the topics' settings, as JSON on standard output
  import   compare such a file with today's graph and name every difference; changes nothing, because a graph is code

plan and apply take KAFKA_BROKERS, TOPIC_PREFIX and PARTITIONS from the environment; the others need no broker.
Exit code 1: something differs, and nothing here changes it. 2: wrong use, or no broker answers.`;

export const command: Command = {
  name: 'topology',
  summary:
    'compare the topics of the broker with what the apps need, create them, draw or export the graph',
  usage: USAGE,

  async run(args, io) {
    const { values, positionals } = parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        format: { type: 'string', default: 'mermaid' },
        topology: { type: 'string' },
        json: { type: 'boolean', default: false },
      },
    });
    const [act, ...rest] = positionals;
    const isPlain = rest.length === 0;
    if (isPlain && (act === 'plan' || act === 'apply')) return onBroker(act, values.json, io);
    const config = loadConfig(io.env);
    const { topologies, schemas } = await knownTopology(config, values.topology);
    const exported = exportTopology(topologies, { schemas, partitions: config.kafka.partitions });
    if (isPlain && act === 'graph') {
      if (!isFormat(values.format))
        throw new UsageError('WRONG_USE', 'Say --format mermaid or --format dot.');
      const text = graphText(topologies, values.format);
      io.out(values.json ? JSON.stringify({ format: values.format, text }) : text);
      return 0;
    }
    if (isPlain && act === 'export') {
      io.out(JSON.stringify(exported, null, 2));
      return 0;
    }
    const [file] = rest;
    if (act === 'import' && file !== undefined && rest.length === 1)
      return compare(readExport(file), { file, exported, json: values.json }, io);
    throw new UsageError(
      'WRONG_USE',
      'Say millrace topology plan, apply, graph, export, or import <file>.',
    );
  },
};

async function onBroker(act: 'plan' | 'apply', json: boolean, io: Io): Promise<ExitCode> {
  const config = loadConfig(io.env);
  try {
    const plan = await (act === 'plan' ? planAll(config) : applyTopicsOf(config));
    const weaknesses = await weaknessesOf(config);
    const prefix = config.kafka.topicPrefix;
    return report({ act, plan, weaknesses, prefix, json }, io);
  } catch (error) {
    if (error instanceof TopicsDifferError) return differ(error.differences, json, io);
    throw asUsageError(error, config);
  }
}

function isFormat(text: string): text is GraphFormat {
  return text === 'mermaid' || text === 'dot';
}

function readExport(file: string): unknown {
  try {
    const value = JSON.parse(readFileSync(file, 'utf8')) as { readonly format?: unknown };
    if (value.format === FORMAT) return value;
    throw new Error(`its format is ${JSON.stringify(value.format)}, not ${FORMAT}`);
  } catch (error) {
    const reason = (error as Error).message;
    throw new UsageError(
      'WRONG_USE',
      `${file} is no exported topology: ${reason}. Make one with millrace topology export.`,
    );
  }
}

function compare(
  given: unknown,
  today: { readonly file: string; readonly exported: unknown; readonly json: boolean },
  io: Io,
): ExitCode {
  const differences = valueDifferences(given, today.exported);
  if (today.json) io.out(JSON.stringify({ differences }));
  else {
    for (const { path, file, here } of differences)
      io.out(`${path.join(' ')}: ${shown(file)} in ${today.file}, ${shown(here)} here`);
    io.out(`${differences.length} differences between ${today.file} and today's graph.`);
  }
  return differences.length === 0 ? 0 : 1;
}

function shown(value: unknown): string {
  return value === undefined ? 'nothing' : JSON.stringify(value);
}

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
