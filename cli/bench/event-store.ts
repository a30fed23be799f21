import { eventStoreFigures, eventStoreLines, runEventStore } from '../../bench/event-store/run.ts';
import { plainBenchmark } from './plain-benchmark.ts';

export const eventStore = plainBenchmark({
  name: 'event-store',
  summary: 'events into the store from memory, and histories out of millions',
  about: `On a Postgres of its own: events a second into events and bot_events with their indexes, beside the same bytes into bare tables; then
histories drawn at random out of so many rows. Exit code 1: a goal of bench/goals.json is missed (--no-goals: not judged); 3: the run is
void, because a row is missing.`,
  usual: { events: 200_000, rounds: 3, 'thousand-rows': 5_000, histories: 5_000 },
  goals: 'event-store',
  async measure({ 'thousand-rows': thousands, ...asked }, tell) {
    const plan = { ...asked, rows: thousands * 1_000, databaseUrl: null };
    const report = await runEventStore(plan, tell);
    return { lines: eventStoreLines(report), report, figures: eventStoreFigures(report) };
  },
});
