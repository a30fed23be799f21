import type { Benchmark } from '../bench/benchmark.ts';
import { bots } from '../bench/bots.ts';
import { botsStore } from '../bench/bots-store.ts';
import { budgets } from '../bench/budgets.ts';
import { engine, quick } from '../bench/chain.ts';
import { eventStore } from '../bench/event-store.ts';
import { full } from '../bench/full.ts';
import { gate } from '../bench/gate.ts';
import { held } from '../bench/held.ts';
import { latency } from '../bench/latency.ts';
import { memory } from '../bench/memory.ts';
import { parts } from '../bench/parts.ts';
import { profile } from '../bench/profile.ts';
import { recovery } from '../bench/recovery.ts';
import { start } from '../bench/start.ts';
import { stream } from '../bench/stream.ts';
import { streamsSettings } from '../bench/streams-settings.ts';
import { trading } from '../bench/trading.ts';
import { UsageError, type Command } from '../command.ts';

/** Every benchmark by the name that follows `bench`. */
const BENCHMARKS: Readonly<Record<string, Benchmark>> = {
  latency,
  engine,
  quick,
  held,
  'streams-settings': streamsSettings,
  parts,
  profile,
  recovery,
  memory,
  start,
  budgets,
  gate,
  full,
  trading,
  stream,
  bots,
  'bots-store': botsStore,
  'event-store': eventStore,
};

export const command: Command = {
  name: 'bench',
  summary: 'measure on servers of its own, beside a raw client and peers',
  usage: Object.values(BENCHMARKS)
    .map(({ usage }) => usage)
    .join(''),

  async run([name = '', ...args], io) {
    const benchmark = Object.hasOwn(BENCHMARKS, name) ? BENCHMARKS[name] : undefined;
    if (benchmark !== undefined) return benchmark.run(args, io);
    const list = Object.entries(BENCHMARKS).map(([each, { summary }]) => `${each} (${summary})`);
    throw new UsageError('WRONG_USE', `Say which benchmark: ${list.join(', ')}.`);
  },
};
