import { parseArgs } from 'node:util';
import { UsageError, type Command } from '../command.ts';
import { sinceMs } from '../log/duration.ts';
import { withLog } from '../log/log-session.ts';
import { correlationOf } from '../why/correlation.ts';
import { explainEvent } from '../why/explain-event.ts';
import { explanationLines } from '../why/explanation-text.ts';

export const command: Command = {
  name: 'why',
  summary: 'what caused an event, what it caused, and what each actor made of it',
  usage: `
Usage: millrace why <event id> [--since 24h] [--topology <file>] [--json]

Says for the event, its causes up to the first and its effects down to the last: where it stands, who handled it in which
journal entry under whose fence, the state before and after, what became of copies, and the time of each hop. From the topics
and the journals alone. Topics are looked at from --since on (90s, 15m, 24h, 7d, or all).
Exit code 1: no such event. 2: wrong use, or no broker or registry answers.`,

  async run(args, io) {
    const { values, positionals } = parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        since: { type: 'string', default: '24h' },
        topology: { type: 'string' },
        json: { type: 'boolean', default: false },
      },
    });
    const [eventId, ...rest] = positionals;
    if (eventId === undefined || rest.length > 0)
      throw new UsageError('WRONG_USE', 'Say which event: millrace why <event id>.');
    const since = sinceMs(values.since, Date.now());
    const explanation = await withLog({ io, topologyFile: values.topology }, async (session) => {
      const correlationId = await correlationOf(session, eventId, since);
      if (correlationId === null) return null;
      return explainEvent(session, { eventId, correlationId, sinceMs: since });
    });
    if (explanation === null) {
      if (values.json) io.out(JSON.stringify({ event_id: eventId, events: [] }));
      io.err(
        `No event ${eventId} since ${values.since}; look further back with --since 7d or all.`,
      );
      return 1;
    }
    if (values.json) io.out(JSON.stringify(explanation));
    else for (const line of explanationLines(explanation)) io.out(line);
    return 0;
  },
};
