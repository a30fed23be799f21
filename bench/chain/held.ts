import type { Figures } from '../goals.ts';
import { VoidRunError } from '../latency/audit.ts';
import { headOf, loadAverage, type RunHead } from '../latency/machine.ts';
import { Latencies } from '../latency/summary.ts';
import { sendAtRate, warmUp } from './load.ts';
import type { SystemAbout } from './report.ts';
import { aboutOf, systemsOf } from './run.ts';
import { type Lane, startStand } from './system.ts';
import { madeOn, markdownTable } from './tables.ts';
import { shapeText } from './report.ts';
import type { Shape } from './work.ts';

export interface HeldPlan {
  readonly systems: readonly string[];
  /** Inputs a second that are tried first; twice as many as long as they are held. */
  readonly from: number;
  readonly most: number;
  readonly secondsPerRate: number;
  readonly warmUp: number;
  readonly shape: Shape;
}

/** One rate that was tried. Units: ms from when an input was due. */
export interface Tried {
  readonly rate: number;
  readonly p50: number;
  readonly p99: number;
  /** How late the load itself was: a rate that the load cannot make says nothing of the system. */
  readonly lateMsP99: number;
  readonly isHeld: boolean;
}

export interface Held {
  readonly system: string;
  /** The highest rate that was held, and the lowest that was not; 0 and null: there was none. */
  readonly held: number;
  readonly notHeld: number | null;
  readonly tried: readonly Tried[];
}

/** Shape of the result files of rates that are held. */
export interface HeldReport extends RunHead<HeldPlan> {
  readonly systems: readonly SystemAbout[];
  readonly leftOut: readonly string[];
  readonly held: readonly Held[];
}

/** p99 of a rate that is held. */
const MOST_MS = 1_000;
/** A load that is later than this did not make its rate. */
const MOST_LATE_MS = 250;
/** How close to each other the rate that is held and the one that is not end up. */
const CLOSE = 1.15;

/**
 * The highest rate of each system at which p99, counted from when inputs were due, stays under a second: doubled until it is
 * not held, then halved in between. What a system is behind at the end of a rate is in its p99, since the load is open.
 *
 * A system that loses an output, or whose outputs stop, is named with that.
 *
 * Throws: VoidRunError when there is none left; PartError.
 */
export async function runHeld(plan: HeldPlan, tell: (line: string) => void): Promise<HeldReport> {
  const loadBefore = loadAverage();
  const { running, leftOut } = systemsOf(plan.systems, plan.shape.work);
  for (const reason of leftOut) tell(reason);
  const stand = await startStand(tell);
  try {
    const held: Held[] = [];
    const voided: string[] = [];
    for (const system of running) {
      const lane = await stand.lane(`held-${system.name}.`, plan.shape);
      try {
        await stand.launch(system, lane);
        await warmUp(lane, plan.warmUp);
        const found = await search(lane, plan, tell);
        await stand.end(lane);
        await stand.check(lane);
        held.push({ system: system.name, ...found });
      } catch (error) {
        if (!(error instanceof VoidRunError)) throw error;
        // Of one system after the other: what others hold says nothing of this one.
        voided.push(`${system.name}: ${error.message}`);
        tell(voided.at(-1) ?? '');
      }
      await stand.close(lane);
    }
    if (held.length === 0) throw new VoidRunError(voided.join(' '));
    return {
      ...headOf(plan, loadBefore),
      ...{ systems: running.map(aboutOf), leftOut: [...leftOut, ...voided], held },
    };
  } finally {
    await stand.stop();
  }
}

async function search(
  lane: Lane,
  plan: HeldPlan,
  tell: (line: string) => void,
): Promise<Omit<Held, 'system'>> {
  const tried: Tried[] = [];
  const isHeld = async (rate: number): Promise<boolean> => {
    const found = await tryRate(lane, rate, plan.secondsPerRate);
    tell(`${lane.prefix} ${rate}/s: p99 ${found.p99} ms${found.isHeld ? '' : ', not held'}`);
    tried.push(found);
    return found.isHeld;
  };
  let [held, notHeld] = [0, Infinity];
  for (let rate = plan.from; rate <= plan.most && notHeld === Infinity; rate *= 2)
    if (await isHeld(rate)) held = rate;
    else notHeld = rate;
  while (held > 0 && notHeld !== Infinity && notHeld / held > CLOSE) {
    const between = Math.round((held + notHeld) / 200) * 100;
    if (between <= held || between >= notHeld) break;
    if (await isHeld(between)) held = between;
    else notHeld = between;
  }
  return { held, notHeld: notHeld === Infinity ? null : notHeld, tried };
}

async function tryRate(lane: Lane, rate: number, seconds: number): Promise<Tried> {
  const timed = await sendAtRate(lane, { rate, count: Math.ceil(rate * seconds) });
  const { p50, p99 } = Latencies.of(timed.map(({ dueAt, readAt }) => readAt - dueAt));
  const lateMsP99 = Latencies.of(timed.map(({ dueAt, sentAt }) => sentAt - dueAt)).p99;
  return { rate, p50, p99, lateMsP99, isHeld: p99 < MOST_MS && lateMsP99 < MOST_LATE_MS };
}

/** What goals are held against. */
export function heldFigures({ held }: Pick<HeldReport, 'held'>): Figures {
  return Object.fromEntries(held.map(({ system, held: rate }) => [system, rate]));
}

/** The README's table of a run, as Markdown. */
export function heldTable(report: HeldReport): string {
  const rows = report.held.map(({ system, held, notHeld, tried }) => {
    const at = tried.findLast(({ rate }) => rate === held);
    const first = tried.find(({ rate }) => rate === notHeld);
    const isOfLoad = first !== undefined && first.p99 < MOST_MS;
    const limit =
      notHeld === null ? 'was not found' : `${notHeld}/s${isOfLoad ? ' (the load)' : ''}`;
    return [system, `${held}/s`, at === undefined ? '–' : `${at.p50} / ${at.p99}`, limit];
  });
  return [
    ...markdownTable(['highest rate held, p99 < 1 s', '', 'p50 / p99, ms', 'not held'], rows),
    '',
    `${shapeText(report.plan.shape)}; ${report.plan.secondsPerRate} s a rate. ${madeOn(report)}`,
    ...report.leftOut.map((reason) => `\nNot held against the others: ${reason}`),
  ].join('\n');
}
