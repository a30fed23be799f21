import { parseArgs } from 'node:util';
import { loadConfig } from '../../apps/config.ts';
import {
  isUlid,
  isUuid,
  microsFromIso,
  newCorrelationId,
  parseCorrelationId,
} from '../../avro/index.ts';
import { EventStore, type WireEvent } from '../../connectors/postgres/index.ts';
import { UsageError, type Command, type ExitCode, type Io } from '../command.ts';

/** A gateway that takes longer is passed over. It gives its own store 2 s. */
const GATEWAY_LIMIT_MS = 3_000;

export const command: Command = {
  name: 'trace',
  summary: 'the events of one correlation, in order, with the time each hop took',
  usage: `
Usage: millrace trace <correlation id | intent id> [--url U] [--json]

Asks the gateway (U; default http://127.0.0.1:$PORT, or port 3000), or the event store (DATABASE_URL) when the gateway is
away or the correlation is not an intent. Times are those of the events: since the first, and since the one before.
Exit code 1: no event has that correlation id. 2: wrong use, or neither of them answers.`,

  async run(args, io) {
    const { values, positionals } = parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        url: { type: 'string', default: `http://127.0.0.1:${io.env['PORT'] || '3000'}` },
        json: { type: 'boolean', default: false },
      },
    });
    const [given, ...rest] = positionals;
    if (given === undefined || rest.length > 0)
      throw new UsageError('WRONG_USE', 'Say which correlation: millrace trace intent-<uuid>.');
    const correlationId = correlationOf(given);
    const events =
      (await fromGateway(values.url, correlationId)) ?? (await fromStore(correlationId, io));
    return report(correlationId, events, values.json, io);
  },
};

function correlationOf(given: string): string {
  // Stored in lower case, as the gateway makes them.
  if (isUuid(given)) return newCorrelationId(given.toLowerCase());
  return isUlid(given) ? newCorrelationId(given) : given;
}

/** null: it cannot say. */
async function fromGateway(
  url: string,
  correlationId: string,
): Promise<readonly WireEvent[] | null> {
  try {
    const path = `/intents/${parseCorrelationId(correlationId)}/history`;
    const signal = AbortSignal.timeout(GATEWAY_LIMIT_MS);
    const response = await fetch(new URL(path, url), { signal });
    const { events, code } = (await response.json()) as {
      readonly events?: readonly WireEvent[];
      readonly code?: string;
    };
    if (response.ok && Array.isArray(events)) return events;
    return response.status === 404 && code === 'UNKNOWN_INTENT' ? [] : null;
  } catch {
    return null;
  }
}

async function fromStore(correlationId: string, io: Io): Promise<readonly WireEvent[]> {
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
