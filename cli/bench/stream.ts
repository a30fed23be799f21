import { refuseFewFiles } from '../../bench/stream/crowd.ts';
import { streamFigures, streamLines } from '../../bench/stream/report.ts';
import { runStream } from '../../bench/stream/run.ts';
import { startStreamSystem } from '../../bench/stream/system.ts';
import { plainBenchmark } from './plain-benchmark.ts';

export const stream = plainBenchmark({
  name: 'stream',
  summary: 'events to WebSocket clients, many of them waiting, beside a bare server',
  about: `On servers of its own, with the clients in processes of their own: so many frames a second in all to those that listen, each for one of
them and then each event for all, from when an event was due on its topic to its frame in a client. Exit code 1: a goal of
bench/goals.json is missed; 3: the run is void, or fewer files may be open than there are clients (ulimit -n).`,
  usual: { idle: 5_000, listening: 500, frames: 2_000, seconds: 20, 'warm-up': 5 },
  goals: 'stream',
  async measure({ frames: framesPerSecond, 'warm-up': warmUpSeconds, ...asked }, tell) {
    refuseFewFiles(asked.idle + asked.listening);
    const system = await startStreamSystem(tell);
    try {
      const report = await runStream({ ...asked, framesPerSecond, warmUpSeconds }, system, tell);
      return { lines: streamLines(report), report, figures: streamFigures(report) };
    } finally {
      await system.stop();
    }
  },
});
