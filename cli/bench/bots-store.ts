import { parseArgs } from 'node:util';
import { storeMisses } from '../../bench/bots/goals.ts';
import { runStore, storeLines } from '../../bench/bots/store.ts';
import { loadConfig } from '../../apps/config.ts';
import type { Io } from '../command.ts';
import type { Benchmark } from './benchmark.ts';
import { judged } from './judged.ts';
import { positive } from './number-option.ts';

export const botsStore: Benchmark = {
  summary: 'events of bots to their three tables, with the lag of each row',
  usage: `
Usage: millrace bench bots-store [--rate 12000] [--seconds 60] [--backlog 100000] [--given] [--no-goals] [--json <file>]

The sink of bots in a process of its own: rows a second from a backlog, then at a fixed rate, each event sent when it is due; lag
from then to the transaction that holds its row. On servers of its own (--given: those that the environment names, into an
empty database). Exit code 1: fewer than 10,000 rows a second over 60 s, or a lag that grows to more than 2 s by the
end (--no-goals: that is not judged); 3: the run is void, because a row is missing.`,

  async run(args, io) {
    const { values } = parseArgs({
      args: [...args],
      options: {
        rate: { type: 'string', default: '12000' },
        seconds: { type: 'string', default: '60' },
        backlog: { type: 'string', default: '100000' },
        given: { type: 'boolean', default: false },
        'no-goals': { type: 'boolean', default: false },
        json: { type: 'string' },
      },
    });
    const plan = {
      rate: positive('rate', values.rate),
      seconds: positive('seconds', values.seconds),
      backlog: positive('backlog', values.backlog),
      given: values.given ? serversOf(io.env) : null,
    };
    return judged(io, { goals: [], file: values.json }, async () => {
      const report = await runStore(plan, io.err);
      const misses = values['no-goals'] ? [] : storeMisses(report);
      return { lines: storeLines(report), report, misses };
    });
  },
};

function serversOf(env: Io['env']): NonNullable<Parameters<typeof runStore>[0]['given']> {
  const { kafka, stores } = loadConfig(env);
  const [broker = ''] = kafka.brokers;
  return { broker, registryUrl: stores.registryUrl, databaseUrl: stores.databaseUrl };
}
