import { parseArgs } from 'node:util';
import { type TwinBaseline, writeBaseline } from '../../bench/gate.ts';
import {
  latencyBaseline,
  latencyBaselineOf,
  voidWhereLatencyIsSlow,
} from '../../bench/latency/baseline.ts';
import {
  keepsBudget,
  type LatencyReport,
  lines,
  MEDIAN_BUDGET_MS,
} from '../../bench/latency/report.ts';
import { runLatency } from '../../bench/latency/run.ts';
import type { ExitCode, Io } from '../command.ts';
import type { Benchmark } from './benchmark.ts';
import { keep, voidable } from './judged.ts';
import { positive } from './number-option.ts';

export const latency: Benchmark = {
  summary: 'POST to plan.created on a system of its own, beside a raw client',
  usage: `
Usage: millrace bench latency [--rate 100] [--count 1000] [--warm-up 2000] [--json <file>] [--no-budget] [--write]

Open loop at a fixed rate, POST /intents to plan.created as read by the benchmark's own Kafka client; the same without
HTTP; and a raw client that does the same hops. --warm-up is that of the first phase, on a fresh broker; each later
phase takes a fifth of it. --json <file> keeps the result; --write makes the raw client's median the baseline of this rate.
Exit code 1: the median of POST to plan.created is not below ${MEDIAN_BUDGET_MS} ms (--no-budget: not judged). 2: wrong use.
3: the run is void: outputs were wrong, or the raw client took more than twice its time in bench/baseline.json.`,

  async run(args, io) {
    const { values } = parseArgs({
      args: [...args],
      options: {
        rate: { type: 'string', default: '100' },
        count: { type: 'string', default: '1000' },
        'warm-up': { type: 'string', default: '2000' },
        json: { type: 'string' },
        'no-budget': { type: 'boolean', default: false },
        write: { type: 'boolean', default: false },
      },
    });
    const load = {
      rate: positive('rate', values.rate),
      count: positive('count', values.count),
      warmUp: positive('warm-up', values['warm-up']),
    };
    return voidable(io, async () => {
      const report = await runLatency(load, io.err);
      const before = latencyBaseline();
      if (values.write) writeBaseline({ latency: latencyBaselineOf(report, before) });
      return reported(
        report,
        { file: values.json, judged: !values['no-budget'], baseline: values.write ? null : before },
        io,
      );
    });
  },
};

/**
 * Shows and keeps what was measured, and says the exit code. `baseline` null: the machine is not judged.
 *
 * Throws: VoidRunError; nothing is shown or kept then.
 */
export async function reported(
  report: LatencyReport,
  about: {
    readonly file: string | undefined;
    readonly judged: boolean;
    readonly baseline: TwinBaseline | null;
  },
  io: Pick<Io, 'out' | 'err'>,
): Promise<ExitCode> {
  const { file, judged, baseline } = about;
  voidWhereLatencyIsSlow(report, baseline);
  for (const line of lines(report)) io.out(line);
  await keep(file, report);
  if (!judged || keepsBudget(report)) return 0;
  io.err(
    `The median of POST → plan.created is ${report.postToPlan.p50} ms, not below ${MEDIAN_BUDGET_MS}.`,
  );
  return 1;
}
