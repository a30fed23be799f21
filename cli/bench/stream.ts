import { parseArgs } from 'node:util';
import { goalsOf } from '../../bench/goals.ts';
import { refuseFewFiles } from '../../bench/stream/crowd.ts';
import { streamFigures, streamLines } from '../../bench/stream/report.ts';
import { runStream } from '../../bench/stream/run.ts';
import { startStreamSystem } from '../../bench/stream/system.ts';
import type { Benchmark } from './benchmark.ts';
import { judged } from './judged.ts';
import { positive } from './number-option.ts';

export const stream: Benchmark = {
  summary: 'events to WebSocket clients, many of them waiting, beside a bare server',
  usage: `
Usage: millrace bench stream [--idle 5000] [--listening 500] [--frames 2000] [--seconds 20] [--warm-up 5] [--json <file>]
         [--no-goals]

On servers of its own, with the clients in processes of their own: so many frames a second in all to those that listen, each for one of
them and then each event for all, from when an event was due on its topic to its frame in a client. Exit code 1: a goal of
bench/goals.json is missed; 3: the run is void, or fewer files may be open than there are clients (ulimit -n).`,
  async run(args, io) {
    const { values } = parseArgs({
      args: [...args],
      options: {
        idle: { type: 'string', default: '5000' },
        listening: { type: 'string', default: '500' },
        frames: { type: 'string', default: '2000' },
        seconds: { type: 'string', default: '20' },
        'warm-up': { type: 'string', default: '5' },
        json: { type: 'string' },
        'no-goals': { type: 'boolean', default: false },
      },
    });
    const plan = {
      idle: positive('idle', values.idle),
      listening: positive('listening', values.listening),
      framesPerSecond: positive('frames', values.frames),
      seconds: positive('seconds', values.seconds),
      warmUpSeconds: positive('warm-up', values['warm-up']),
    };
    const goals = values['no-goals'] ? [] : goalsOf('stream');
    return judged(io, { goals, file: values.json }, async () => {
      refuseFewFiles(plan.idle + plan.listening);
      const system = await startStreamSystem(io.err);
      try {
        const report = await runStream(plan, system, io.err);
        return { lines: streamLines(report), report, figures: streamFigures(report) };
      } finally {
        await system.stop();
      }
    });
  },
};
