import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { BotReports } from '../../apps/bot-reports.ts';
import { AvroCodec, BOT_RECORDS } from '../../avro/index.ts';
import { BotStore, Database, StoreError } from '../../connectors/postgres/index.ts';
import { BotIntake } from '../../gateway/index.ts';
import { partitionOf } from '../../kafka/partitioner.ts';
import { microsOfUtc } from '../../processors/bots/index.ts';
import { importFile, type ImportProgress } from '../bots/import-file.ts';
import { botReportLines } from '../bots/report-text.ts';
import { UsageError, type Command, type ExitCode, type Io } from '../command.ts';
import { withLog } from '../log/log-session.ts';
import { type ProgressText, progressViewOf } from '../progress-view.ts';

const USAGE = `
Usage: millrace bots import <file> [--json]
       millrace bots report [--from <time>] [--to <time>] [--instance <name>] [--json]

  import   send the events of an NDJSON file, one a line, as legacy events: correlation_id may be absent. Lines against
           the rules are set aside as dead letters. A run that was cut off goes on where it stopped; a file is sent once
  report   what bots sent, what of it is stored, and what became of the rest; orders, exposure and state by instance

Times are days or times in UTC: 2026-01-02, 2026-01-02T03:04:05Z; they are compared with ts_utc.
Exit code 1: import: a line was rejected; report: an event was sent and never came. 2: wrong use, or broker, registry or
Postgres do not answer.`;

export const command: Command = {
  name: 'bots',
  summary: 'import events of bots from a file, and report on what came',
  usage: USAGE,

  async run(args, io) {
    const { values, positionals } = parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        from: { type: 'string' },
        to: { type: 'string' },
        instance: { type: 'string' },
        json: { type: 'boolean', default: false },
      },
    });
    const [act, file, ...rest] = positionals;
    if (act === 'import' && file !== undefined && rest.length === 0)
      return importInto(file, values.json, io);
    if (act === 'report' && file === undefined) {
      const { from, to, instance = null } = values;
      const query = { from: timeOf('--from', from), to: timeOf('--to', to), instance };
      return report(query, values.json, io);
    }
    throw new UsageError('WRONG_USE', 'Say millrace bots import <file>, or millrace bots report.');
  },
};

function timeOf(option: string, given: string | undefined): string | null {
  if (given === undefined) return null;
  const text = /^\d{4}-\d{2}-\d{2}$/.test(given) ? `${given}T00:00:00Z` : given;
  if (microsOfUtc(text) !== null) return text;
  throw new UsageError('WRONG_USE', `${option} ${given} is no time in UTC such as 2026-01-02.`);
}

/** How far an import is, in bytes of its file. */
export const IMPORT_TEXT: ProgressText<ImportProgress> = {
  shareOf: ({ bytes, sizeBytes }) => (sizeBytes === 0 ? 1 : bytes / sizeBytes),
  lineOf: ({ lines, rejected }) => `${lines} lines sent, ${rejected} rejected`,
};

async function importInto(file: string, json: boolean, io: Io): Promise<ExitCode> {
  const result = await withLog({ io, topologyFile: undefined }, async (session, config) => {
    const { client, names } = session;
    const { registryUrl } = config.stores;
    const { partitions, topicPrefix } = config.kafka;
    const codec = await AvroCodec.start({ registryUrl, topicPrefix, subjects: BOT_RECORDS });
    const producer = client.producer();
    const view = json ? null : progressViewOf(IMPORT_TEXT, process.stderr, io.err);
    try {
      return await importFile({
        file,
        stateFolder: join(config.local.dataFolder, 'import'),
        intake: new BotIntake({ codec, names, partitions, partitionOf, source: 'legacy_file' }),
        producer,
        names,
        onProgress: (progress) => view?.show(progress),
      });
    } catch (error) {
      if ((error as { readonly syscall?: unknown }).syscall === undefined) throw error;
      throw new UsageError('WRONG_USE', `${file} cannot be read: ${(error as Error).message}.`);
    } finally {
      view?.end();
      await producer.close();
    }
  });
  if (json) io.out(JSON.stringify(result));
  else {
    const { lines, resumed, taken, rejected, rejections } = result;
    const before = resumed === 0 ? '' : `, ${resumed} of them before`;
    io.out(`${lines} lines${before}: ${taken} sent as events, ${rejected} rejected`);
    for (const { line, message } of rejections) io.out(`  line ${line}: ${message}`);
  }
  return result.rejected > 0 ? 1 : 0;
}

async function report(
  query: Parameters<BotReports['report']>[0],
  json: boolean,
  io: Io,
): Promise<ExitCode> {
  const found = await withLog({ io, topologyFile: undefined }, async (session, config) => {
    const { admin, names } = session;
    const database = new Database(config.stores.databaseUrl, 'reads');
    try {
      const store = new BotStore(database);
      return await new BotReports({ database, store, admin, names }).report(query);
    } catch (error) {
      if (!(error instanceof StoreError) || error.code !== 'STORE_AWAY') throw error;
      throw new UsageError('NOT_RUNNING', error.message);
    } finally {
      await database.close();
    }
  });
  if (json) io.out(JSON.stringify(found));
  else for (const line of botReportLines(found)) io.out(line);
  return found.total.unexplained > 0 ? 1 : 0;
}
