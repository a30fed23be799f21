import { parseArgs } from 'node:util';
import { isUuid, newCorrelationId } from '../../avro/index.ts';
import { EventStore, StoreError } from '../../connectors/postgres/index.ts';
import { UsageError, type Command, type ExitCode, type Io } from '../command.ts';
import { sinceMs } from '../log/duration.ts';
import { type LogSession, topologyOf, withLog } from '../log/log-session.ts';
import { type ApplicationCheck, checkApplication } from '../replay/check.ts';
import { checkLines } from '../replay/check-text.ts';
import { replayInto, type ReplayOptions, type ReplayReport } from '../replay/replay-into.ts';
import { topicSource } from '../replay/replayed-events.ts';
import { storeSource } from '../replay/stored-events.ts';

const USAGE = `
Usage: millrace replay --check [--application A]… [--since all] [--topology <file>] [--json]
       millrace replay <correlation id | intent id | topic | all> --into <prefix> [--source topics|store] [--from T] [--to T]
           [--swap] [--json]

  --check   run today's code over the recorded journals, and name the actors and keys whose state or emits would be others;
            changes nothing. npm run gate:replay is this, before a deploy. --since 24h leaves older batches out.
  --into    make the read models of these correlations again from their events, in Redis under the prefix; the live ones
            stay as they are. A topic stands for every correlation with a record on it, between --from and --to (ISO 8601);
            what is younger than --to is not replayed. What adds up every correlation (positions) is made by all alone.
  --source  where the events are read: topics (default), as far back as they are kept, or store, the event store in Postgres
  --swap    then put each in the place of the live one, unless the live one moved on meanwhile

Exit code 1: something would differ; nothing was found to replay; a live model moved on and was kept. 2: wrong use, or no
broker, registry or Redis answers.`;

export const command: Command = {
  name: 'replay',
  summary: "run today's code over what was recorded: as a check, or to make read models again",
  usage: USAGE,

  async run(args, io) {
    const { values, positionals } = parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        check: { type: 'boolean', default: false },
        application: { type: 'string', multiple: true, default: [] },
        since: { type: 'string', default: 'all' },
        topology: { type: 'string' },
        into: { type: 'string' },
        source: { type: 'string', default: 'topics' },
        from: { type: 'string' },
        to: { type: 'string' },
        swap: { type: 'boolean', default: false },
        json: { type: 'boolean', default: false },
      },
    });
    const [what] = positionals;
    if (values.check && what === undefined && values.into === undefined) {
      const since = sinceMs(values.since, Date.now());
      const checks = await withLog(
        { io, topologyFile: values.topology, decides: true },
        (session) => checkAll(session, values.application, since),
      );
      return report(checks, values.json, io);
    }
    if (values.check || what === undefined || positionals.length > 1 || !isPrefix(values.into))
      throw new UsageError(
        'WRONG_USE',
        'Say millrace replay --check, or millrace replay <correlation or topic> --into <prefix>.',
      );
    const { into: prefix, swap } = values;
    const isStored = sourceOf(values.source) === 'store';
    const toMs = timeMs(values.to);
    const fromMs = timeMs(values.from);
    if (swap && toMs !== null)
      throw new UsageError(
        'WRONG_USE',
        '--swap with --to would make an old state the live one; leave out one.',
      );
    const replay = await withLog({ io, topologyFile: undefined }, (session, config) => {
      const selection = { ...chosen(session, what), fromMs, toMs };
      const { redisUrl, databaseUrl } = config.stores;
      const options = { selection, redisUrl, prefix, swap };
      return isStored
        ? replayFromStore(session, databaseUrl, options)
        : replayInto(session, { ...options, source: topicSource(session) });
    });
    return reportReplay(replay, values.json, io);
  },
};

async function replayFromStore(
  session: LogSession,
  databaseUrl: string,
  options: Omit<ReplayOptions, 'source'>,
): Promise<ReplayReport> {
  const store = new EventStore(databaseUrl, 'reads');
  try {
    return await replayInto(session, { ...options, source: storeSource(session, store) });
  } catch (error) {
    if (error instanceof StoreError) throw new UsageError('NOT_RUNNING', error.message);
    throw error;
  } finally {
    await store.close();
  }
}

/** Throws: UsageError. */
function sourceOf(text: string): 'topics' | 'store' {
  if (text === 'topics' || text === 'store') return text;
  throw new UsageError('WRONG_USE', `--source is topics or store, not '${text}'.`);
}

function isPrefix(text: string | undefined): text is string {
  return text !== undefined && /^[\w.:-]{1,100}$/.test(text);
}

/** Throws: UsageError. */
function timeMs(text: string | undefined): number | null {
  if (text === undefined) return null;
  const ms = Date.parse(text);
  if (Number.isNaN(ms))
    throw new UsageError('WRONG_USE', `'${text}' is no time; say 2026-01-31T12:00:00Z.`);
  return ms;
}

function chosen(
  { topologies }: LogSession,
  what: string,
): { readonly correlationId: string | null; readonly topic: string | null } {
  if (what === 'all') return { correlationId: null, topic: null };
  const topics = new Set(topologies.flatMap(({ sources }) => sources));
  if (topics.has(what)) return { correlationId: null, topic: what };
  const correlationId = isUuid(what) ? newCorrelationId(what.toLowerCase()) : what;
  return { correlationId, topic: null };
}

function reportReplay(report: ReplayReport, json: boolean, io: Io): ExitCode {
  const { prefix, written, swap, leftOut } = report;
  const count = Object.values(written).reduce((sum, each) => sum + each, 0);
  if (json) io.out(JSON.stringify(report));
  else {
    for (const [topic, each] of Object.entries(written))
      io.out(`${topic}: ${each} models written under ${prefix}`);
    for (const topic of leftOut)
      io.out(
        `${topic}: left out, since each of them takes every correlation; replay all makes them.`,
      );
    if (swap !== null) io.out(`${swap.swapped} of them are live now.`);
    for (const key of swap?.kept ?? [])
      io.out(`${key} moved on meanwhile and was kept; replay it again.`);
  }
  if (count === 0) io.err('No events of it were found, so no read model was made.');
  return count === 0 || (swap !== null && swap.kept.length > 0) ? 1 : 0;
}

async function checkAll(
  session: LogSession,
  wanted: readonly string[],
  since: number | null,
): Promise<readonly ApplicationCheck[]> {
  const existing = new Set(await session.admin.listTopics());
  const topologies =
    wanted.length === 0 ? session.topologies : wanted.map((name) => topologyOf(session, name));
  const checks: ApplicationCheck[] = [];
  for (const topology of topologies)
    if (existing.has(session.names.physical(topology.journal)))
      checks.push(await checkApplication(session, topology, since));
  return checks;
}

function report(checks: readonly ApplicationCheck[], json: boolean, io: Io): ExitCode {
  if (json) io.out(JSON.stringify({ checks }));
  else for (const line of checks.flatMap(checkLines)) io.out(line);
  if (checks.length === 0) io.err('There are no journals yet, so there is nothing to compare.');
  return checks.some(({ keys }) => keys.length > 0) ? 1 : 0;
}
