import { headOf, loadAverage, type RunHead } from '../latency/machine.ts';
import { rounded } from '../latency/summary.ts';
import { warmUp } from './load.ts';
import { type LatencyPhase, shapeText } from './report.ts';
import { runPhase } from './run.ts';
import { type ChainStand, startStand } from './system.ts';
import { type StreamsSettings, streamsWith } from './systems.ts';
import { madeOn, markdownTable } from './tables.ts';
import type { Shape } from './work.ts';

export interface SettingsPlan {
  /** Tried first, each with the rest of START. Units: ms. */
  readonly commitMs: readonly number[];
  /** Inputs a second. */
  readonly rates: readonly number[];
  readonly secondsPerPhase: number;
  readonly warmUp: number;
  readonly shape: Shape;
}

/** One setting and what it gave. */
export interface TriedSettings {
  readonly settings: StreamsSettings;
  readonly phases: readonly LatencyPhase[];
  /** The lower, the better: `scoreOf` the phases. Units: ms. */
  readonly score: number;
}

/** Shape of bench/results/streams-settings.json. */
export interface SettingsReport extends RunHead<SettingsPlan> {
  /** In the order in which they were tried. */
  readonly tried: readonly TriedSettings[];
  /** Of the lowest score. */
  readonly best: StreamsSettings;
  readonly leavesOut: readonly string[];
}

/** What else may matter where a commit ends each wait, tried one by one with the commit interval that did best. */
const CHANGES: readonly Partial<StreamsSettings>[] = [
  { THREADS: '2' },
  { LINGER_MS: '5' },
  { LINGER_MS: '100', POLL_MS: '100' },
  { POLL_MS: '1' },
];
const START: Omit<StreamsSettings, 'COMMIT_MS'> = { LINGER_MS: '0', POLL_MS: '5', THREADS: '1' };

const LEAVES_OUT = [
  'the cache of the stores: a processor that forwards each count by itself gains nothing by it, and none is on',
  'settings of the broker, several members, and combinations of changes that did not help one by one',
];

/** The geometric mean of p50 and p99 over all rates: twice as much of any of them counts the same. */
export function scoreOf(phases: readonly Pick<LatencyPhase, 'p50' | 'p99'>[]): number {
  const logs = phases.flatMap(({ p50, p99 }) => [Math.log(p50), Math.log(p99)]);
  return rounded(Math.exp(logs.reduce((sum, each) => sum + each, 0) / logs.length));
}

/** Of those that were tried. Throws: Error when none was. */
export function bestOf(tried: readonly TriedSettings[]): TriedSettings {
  const [first, ...rest] = tried;
  if (first === undefined) throw new Error('nothing was tried; give at least one commit interval');
  return rest.reduce((best, each) => (each.score < best.score ? each : best), first);
}

/**
 * What is tried after these: nothing else than the commit interval at first, then each other change of the best of them,
 * then all changes together that helped by themselves. Empty: the search is over.
 */
export function nextSettings(
  tried: readonly TriedSettings[],
  commitMs: readonly number[],
): readonly StreamsSettings[] {
  if (tried.length === 0) return commitMs.map((each) => ({ ...START, COMMIT_MS: String(each) }));
  const base = bestOf(tried.slice(0, commitMs.length));
  const changed = tried.slice(commitMs.length, commitMs.length + CHANGES.length);
  if (changed.length === 0) return CHANGES.map((change) => ({ ...base.settings, ...change }));
  const helped = CHANGES.filter((_, index) => (changed[index]?.score ?? Infinity) < base.score);
  const isDone = tried.length > commitMs.length + CHANGES.length || helped.length < 2;
  return isDone ? [] : [Object.assign({}, base.settings, ...helped) as StreamsSettings];
}

/**
 * The setting of Kafka Streams, exactly once, that this work is done soonest with: each is started by itself on one broker, warmed
 * up and measured at each rate, and its outputs are checked.
 *
 * Throws: VoidRunError; PartError.
 */
export async function runSettings(
  plan: SettingsPlan,
  tell: (line: string) => void,
): Promise<SettingsReport> {
  const loadBefore = loadAverage();
  const stand = await startStand(tell);
  try {
    const tried: TriedSettings[] = [];
    for (;;) {
      const next = nextSettings(tried, plan.commitMs);
      if (next.length === 0) break;
      for (const settings of next) {
        tried.push(await tryOne(stand, settings, { plan, place: tried.length }));
        tell(`${nameOf(settings)}: ${tried.at(-1)?.score}`);
      }
    }
    const best = bestOf(tried).settings;
    return { ...headOf(plan, loadBefore), tried, best, leavesOut: LEAVES_OUT };
  } finally {
    await stand.stop();
  }
}

async function tryOne(
  stand: ChainStand,
  settings: StreamsSettings,
  { plan, place }: { readonly plan: SettingsPlan; readonly place: number },
): Promise<TriedSettings> {
  const system = streamsWith(`streams-${place + 1}`, settings);
  const lane = await stand.lane(`${system.name}.`, plan.shape);
  try {
    await stand.launch(system, lane);
    await warmUp(lane, plan.warmUp);
    const phases: LatencyPhase[] = [];
    for (const rate of plan.rates)
      phases.push(await runPhase(stand, system, lane, { rate, round: 1, plan }));
    await stand.end(lane);
    await stand.check(lane);
    return { settings, phases, score: scoreOf(phases) };
  } finally {
    await stand.close(lane);
  }
}

function nameOf({ COMMIT_MS, LINGER_MS, POLL_MS, THREADS }: StreamsSettings): string {
  return `commit ${COMMIT_MS} ms, linger ${LINGER_MS}, poll ${POLL_MS}, ${THREADS} thread${THREADS === '1' ? '' : 's'}`;
}

/** The table of bench/README.md, as Markdown: the best first. */
export function settingsTable(report: SettingsReport): string {
  const { plan, tried, best, leavesOut } = report;
  const rows = tried
    .toSorted((left, right) => left.score - right.score)
    .map(({ settings, phases, score }) => [
      nameOf(settings) === nameOf(best) ? `**${nameOf(settings)}**` : nameOf(settings),
      ...phases.map(({ p50, p99 }) => `${p50.toFixed(1)} / ${p99.toFixed(1)}`),
      String(Math.round(phases.at(-1)?.cpuMsPerThousand ?? 0)),
      score.toFixed(1),
    ]);
  const rates = plan.rates.map((rate) => `${rate}/s`);
  return [
    ...markdownTable(
      ['p50 / p99, ms', ...rates, `CPU ms / 1,000 at ${rates.at(-1)}`, 'mean'],
      rows,
    ),
    '',
    `\`mean\` is the geometric one of the figures before it but the CPU. ${shapeText(plan.shape)}; ${plan.secondsPerPhase} s a rate, after ` +
      `${plan.warmUp} to warm up. ${madeOn(report)}`,
    '',
    ...leavesOut.map((each) => `- Left out: ${each}`),
  ].join('\n');
}
