import { parseArgs } from 'node:util';
import { eventStoreFigures, eventStoreLines, runEventStore } from '../../bench/event-store/run.ts';
import { goalsOf } from '../../bench/goals.ts';
import type { ExitCode } from '../command.ts';
import type { Benchmark } from './benchmark.ts';
import { judged } from './judged.ts';
import { positive } from './number-option.ts';

/** Rows of a whole run, in thousands. */
const ROWS = '5000';

export const eventStore: Benchmark = {
  summary: 'events into the store from memory, and histories out of millions',
  usage: `
Usage: millrace bench event-store [--events 200000] [--rounds 3] [--thousand-rows ${ROWS}] [--histories 5000]
                                  [--no-goals] [--json <file>]

On a Postgres of its own: events a second into events and bot_events with their indexes, beside the same bytes into bare tables; then
histories drawn at random out of so many rows. Exit code 1: a goal of bench/goals.json is missed (--no-goals: not judged); 3: the run is
void, because a row is missing.`,

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
    const goals = values['no-goals'] ? [] : goalsOf('event-store');
    return judged(io, { goals, file: values.json }, async () => {
      const report = await runEventStore(plan, io.err);
      return { lines: eventStoreLines(report), report, figures: eventStoreFigures(report) };
    });
  },
};
