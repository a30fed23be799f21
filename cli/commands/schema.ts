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
Usage: millrace schema check|register [--json]

  check      say for each subject: registered, new, compatible (a new version) or incompatible
  register   register what is missing, each subject with its rule (BACKWARD; bots FULL_TRANSITIVE)

Takes SCHEMA_REGISTRY_URL and TOPIC_PREFIX from the environment.
Exit code 1: a subject refuses its schema. 2: wrong use, or no registry answers.`,

  async run(args, io) {
    const { values, positionals } = parseArgs({
      args: [...args],
      allowPositionals: true,
      options: { json: { type: 'boolean', default: false } },
    });
    const act = positionals.length === 1 ? ACTS[positionals[0] ?? ''] : undefined;
    if (!act) {
      throw new UsageError('WRONG_USE', 'Say millrace schema check or millrace schema register.');
    }
    try {
      return report(await rows(act, io), values.json, io);
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

function report(found: readonly Row[], json: boolean, io: Io): ExitCode {
  const refused = found.filter(({ state }) => state === 'incompatible');
  if (json) io.out(JSON.stringify({ subjects: found }));
  else found.forEach((row) => io.out(lineOf(row)));
  if (refused.length > 0) {
    io.err(
      `${refused.length} of ${found.length} subjects refuse their schema: ` +
        'give new fields a default, or the record a new name.',
    );
  }
  return refused.length > 0 ? 1 : 0;
}

function lineOf({ subject, state, id, reasons }: Row): string {
  const end = id === undefined ? '' : `  id ${id}`;
  return [`${state.padEnd(12)} ${subject}${end}`, ...reasons.map((r) => `    ${r}`)].join('\n');
}
