import { sendRecords, untilRead } from '../chain/load.ts';
import { type Lane, startStand } from '../chain/system.ts';
import { type ChainSystem, SYSTEMS } from '../chain/systems.ts';
import type { InputKind, Shape } from '../chain/work.ts';
import { openLoop } from '../latency/open-loop.ts';
import { Latencies, type Percentiles } from '../latency/summary.ts';
import { CLASSES, recordOf } from './topology.ts';

export interface PriorityPlan {
  /** What lies in front of the system when it starts. */
  readonly low: number;
  readonly normal: number;
  /** Of critical and of high each, a second, for so long. */
  readonly rate: number;
  readonly seconds: number;
  readonly valueBytes: number;
}

export interface PriorityReport {
  readonly plan: PriorityPlan;
  /** Ms from when an input was due to its output in hand; of the backlog from when the first output of any came. */
  readonly classes: Readonly<Record<(typeof CLASSES)[number], Percentiles>>;
  /** Of the backlog, when the last critical input was sent; with nothing left the figures say nothing. */
  readonly backlogLeft: number;
}

const BATCH = 1_000;

/**
 * A backlog of low and normal work, and then critical and high at a rate: how long each class waits.
 *
 * Throws: VoidRunError when an output is lost, doubled or out of order; PartError.
 */
export async function runPriority(
  plan: PriorityPlan,
  tell: (line: string) => void,
): Promise<PriorityReport> {
  const stand = await startStand(tell);
  const shape: Shape = {
    ...{ valueBytes: plan.valueBytes, keys: 500, hot: false },
    ...{ partitions: 4, work: 'classes' },
  };
  try {
    const lane = await stand.lane('classes.', shape);
    const due = new Map<string, Map<number, number>>(CLASSES.map((name) => [name, new Map()]));
    await backlog(lane, 'low', plan.low, due);
    await backlog(lane, 'normal', plan.normal, due);
    tell(`${plan.low} low and ${plan.normal} normal lie there; critical and high come`);
    await stand.launch(SYSTEMS['millrace'] as ChainSystem, lane);
    await untilRead(lane.tail, 1);
    const startedAt = lane.tail.reachedAt(1);
    const sends: Promise<void>[] = [];
    await openLoop({ rate: plan.rate, count: plan.rate * plan.seconds }, (_index, dueAt) => {
      for (const name of ['critical', 'high'] as const) {
        due.get(name)?.set(lane.maker.made, dueAt);
        sends.push(sendRecords(lane.producer, [lane.maker.next(kindOf(name))]));
      }
    });
    await Promise.all(sends);
    const lying = ['low', 'normal'].flatMap((name) => [...(due.get(name)?.keys() ?? [])]);
    const backlogLeft = lying.filter((input) => lane.tail.readAt(input) === undefined).length;
    await untilRead(lane.tail, lane.maker.made);
    const classes = Object.fromEntries(
      CLASSES.map((name) => [
        name,
        Latencies.of(
          [...(due.get(name) ?? [])].map(
            ([input, dueAt]) =>
              (lane.tail.readAt(input) ?? Number.NaN) - Math.max(dueAt, startedAt),
          ),
        ),
      ]),
    ) as PriorityReport['classes'];
    await stand.end(lane);
    await stand.check(lane);
    return { plan, classes, backlogLeft };
  } finally {
    await stand.stop();
  }
}

function kindOf(name: string): InputKind {
  return { type: `work.${name}`, record: recordOf(name) };
}

async function backlog(
  { maker, producer }: Lane,
  name: string,
  count: number,
  due: ReadonlyMap<string, Map<number, number>>,
): Promise<void> {
  for (let sent = 0; sent < count; sent += BATCH) {
    const length = Math.min(BATCH, count - sent);
    const records = Array.from({ length }, () => {
      due.get(name)?.set(maker.made, 0);
      return maker.next(kindOf(name));
    });
    await sendRecords(producer, records);
  }
}
