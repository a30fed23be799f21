import { parseArgs } from 'node:util';
import { loadConfig } from '../../apps/config.ts';
import { microsFromIso, newCorrelationId, isUuid } from '../../avro/index.ts';
import { EventStore, type WireEvent } from '../../connectors/postgres/index.ts';
import { UsageError, type Command, type ExitCode, type Io } from '../command.ts';

export const command: Command = {
  name: 'trace',
  summary: 'the events of one correlation, in order, with the time each hop took',
  usage: `
Usage: millrace trace <correlation id | intent id> [--json]

Reads the event store (DATABASE_URL). Times are those of the events: since the first, and since the one before.
Exit code 1: no event has that correlation id. 2: wrong use, or Postgres does not answer.`,

  async run(args, io) {
    const { values, positionals } = parseArgs({
      args: [...args],
      allowPositionals: true,
      options: { json: { type: 'boolean', default: false } },
    });
    const [given, ...rest] = positionals;
    if (given === undefined || rest.length > 0)
      throw new UsageError('WRONG_USE', 'Say which correlation: millrace trace intent-<uuid>.');
    const correlationId = isUuid(given) ? newCorrelationId(given) : given;
    const events = await history(correlationId, io);
    return report(correlationId, events, values.json, io);
  },
};

async function history(correlationId: string, io: Io): Promise<readonly WireEvent[]> {
  const store = new EventStore(loadConfig(io.env).stores.databaseUrl, 'reads');
  try {
    return await store.history(correlationId);
  } catch (error) {
    if ((error as { readonly code?: unknown }).code !== 'STORE_AWAY') throw error;
    throw new UsageError('NOT_RUNNING', (error as Error).message);
  } finally {
    await store.close();
  }
}

function report(
  correlationId: string,
  events: readonly WireEvent[],
  json: boolean,
  io: Io,
): ExitCode {
  if (json) io.out(JSON.stringify({ correlation_id: correlationId, events }));
  const [first] = events;
  if (first === undefined) {
    io.err(
      `No stored event has the correlation id ${correlationId}. A new one takes a moment to be stored.`,
    );
    return 1;
  }
  if (json) return 0;
  const start = microsFromIso(first.timestamp);
  let before = start;
  for (const event of events) {
    const at = microsFromIso(event.timestamp);
    const number = String(event.sequence ?? '-').padStart(3);
    const times = `${milliseconds(at - start)}  ${milliseconds(at - before)}`;
    io.out(`${number}  ${event.topic.padEnd(20)} ${times}  ${event.eventId}`);
    before = at;
  }
  return 0;
}

function milliseconds(micros: number): string {
  return `+${(micros / 1000).toFixed(3)} ms`.padStart(16);
}
