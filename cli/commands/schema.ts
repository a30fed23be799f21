import { parseArgs } from 'node:util';
import { loadConfig } from '../../apps/config.ts';
import { ALL_RECORDS } from '../../apps/records.ts';
import {
  checkSubject,
  loadSchemas,
  registerSubject,
  RegistryError,
  SchemaRegistry,
  subjectOf,
} from '../../avro/index.ts';
import type { SubjectState, TopicRecord } from '../../avro/index.ts';
import { withLog } from '../log/log-session.ts';
import { type OldestRecord, oldestRecords } from '../schema/oldest-records.ts';
import { UsageError, type Command, type ExitCode, type Io } from '../command.ts';

interface Row {
  readonly subject: string;
  readonly state: SubjectState;
  /** Known once it is registered by this command. */
  readonly id?: number;
  readonly reasons: readonly string[];
}

type Act = (
  registry: SchemaRegistry,
  subject: string,
  schema: string,
  rule?: TopicRecord['compatibility'],
) => Promise<Row>;

const ACTS: Readonly<Record<string, Act>> = { check, register };

export const command: Command = {
  name: 'schema',
  summary: 'compare the schemas of this clone with the registry, or register them',
  usage: `
Usage: millrace schema check [--records] [--json]
       millrace schema register [--json]

  check      say for each subject: registered, new, compatible (a new version) or incompatible
             --records: also read the oldest record of each partition by today's schemas, and as other consumers do
  register   register what is missing, each subject with its rule (BACKWARD; bots FULL_TRANSITIVE)

Takes SCHEMA_REGISTRY_URL and TOPIC_PREFIX from the environment, and KAFKA_BROKERS for --records.
Exit code 1: a subject refuses its schema, or a record cannot be read. 2: wrong use, or no registry answers.`,

  async run(args, io) {
    const { values, positionals } = parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        json: { type: 'boolean', default: false },
        records: { type: 'boolean', default: false },
      },
    });
    const act = positionals.length === 1 ? ACTS[positionals[0] ?? ''] : undefined;
    const withRecords = values.records && act === check;
    if (!act || withRecords !== values.records) {
      throw new UsageError('WRONG_USE', 'Say millrace schema check or millrace schema register.');
    }
    try {
      const subjects = await rows(act, io);
      const oldest = withRecords
        ? await withLog({ io, topologyFile: undefined }, oldestRecords)
        : null;
      return report(subjects, oldest, { json: values.json, io });
    } catch (error) {
      if (!(error instanceof RegistryError) || error.code !== 'AWAY') throw error;
      throw new UsageError('NOT_RUNNING', error.message);
    }
  },
};

async function rows(act: Act, io: Io): Promise<readonly Row[]> {
  const { kafka, stores } = loadConfig(io.env);
  const registry = new SchemaRegistry({ url: stores.registryUrl });
  const schemas = loadSchemas();
  const found: Row[] = [];
  for (const record of ALL_RECORDS) {
    const schema = JSON.stringify(schemas.get(record.record));
    found.push(
      await act(registry, subjectOf(record, kafka.topicPrefix), schema, record.compatibility),
    );
  }
  return found;
}

async function check(registry: SchemaRegistry, subject: string, schema: string): Promise<Row> {
  return { subject, ...(await checkSubject(registry, subject, schema)) };
}

async function register(...[registry, subject, schema, rule]: Parameters<Act>): Promise<Row> {
  try {
    const id = await registerSubject(registry, subject, schema, rule);
    return { subject, state: 'registered', id, reasons: [] };
  } catch (error) {
    if (!(error instanceof RegistryError) || error.code !== 'INCOMPATIBLE') throw error;
    return { subject, state: 'incompatible', reasons: [error.message] };
  }
}

function report(
  found: readonly Row[],
  oldest: readonly OldestRecord[] | null,
  { json, io }: { readonly json: boolean; readonly io: Io },
): ExitCode {
  const refused = found.filter(({ state }) => state === 'incompatible');
  const unread = (oldest ?? []).filter(({ record }) => record === null);
  if (json) io.out(JSON.stringify({ subjects: found, ...(oldest === null ? {} : { oldest }) }));
  else {
    found.forEach((row) => io.out(lineOf(row)));
    if (oldest !== null)
      io.out(`${oldest.length - unread.length} of ${oldest.length} oldest records can be read`);
  }
  for (const { topic, partition, offset, reason } of unread)
    io.err(`${topic}/${partition} at ${offset} cannot be read: ${reason}`);
  if (refused.length > 0) {
    io.err(
      `${refused.length} of ${found.length} subjects refuse their schema: ` +
        'give new fields a default, or the record a new name.',
    );
  }
  return refused.length + unread.length > 0 ? 1 : 0;
}

function lineOf({ subject, state, id, reasons }: Row): string {
  const end = id === undefined ? '' : `  id ${id}`;
  return [`${state.padEnd(12)} ${subject}${end}`, ...reasons.map((r) => `    ${r}`)].join('\n');
}
