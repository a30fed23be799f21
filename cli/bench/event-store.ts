import { writeFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { eventStoreLines, GOALS, missedGoals, runEventStore } from '../../bench/event-store/run.ts';
import { VoidRunError } from '../../bench/latency/audit.ts';
import type { ExitCode } from '../command.ts';
import { type Benchmark, judged } from './benchmark.ts';
import { positive } from './number-option.ts';

/** Rows of a whole run, in thousands. */
const ROWS = '5000';

export const eventStore: Benchmark = {
  summary: 'events into the store from memory, and histories out of millions',
  usage: `
Usage: millrace bench event-store [--events 200000] [--rounds 3] [--thousand-rows ${ROWS}] [--histories 5000]
                                  [--no-goals] [--json <file>]

On a Postgres of its own: events a second into events and bot_events with their indexes, beside the same bytes into bare tables; then
histories drawn at random out of so many rows. Exit code 1: below ${GOALS.appendPerSecond} events/s, or a p99 above ${GOALS.historyMsP99} ms (--no-goals: not
judged). Exit code 3: the run is void, because a row is missing.`,

  async run(args, io): Promise<ExitCode> {
    const { values } = parseArgs({
      args: [...args],
      options: {
        events: { type: 'string', default: '200000' },
        rounds: { type: 'string', default: '3' },
        'thousand-rows': { type: 'string', default: ROWS },
        histories: { type: 'string', default: '5000' },
        'no-goals': { type: 'boolean', default: false },
        json: { type: 'string' },
      },
    });
    const plan = {
      events: positive('events', values.events),
      rounds: positive('rounds', values.rounds),
      rows: positive('thousand-rows', values['thousand-rows']) * 1_000,
      histories: positive('histories', values.histories),
      databaseUrl: null,
    };
    try {
      const report = await runEventStore(plan, io.err);
      for (const line of eventStoreLines(report)) io.out(line);
      if (values.json !== undefined)
        await writeFile(values.json, `${JSON.stringify(report, null, 2)}\n`);
      return judged(values['no-goals'] ? [] : missedGoals(report), io);
    } catch (error) {
      if (!(error instanceof VoidRunError)) throw error;
      io.err(error.message);
      return 3;
    }
  },
};
