import { FAULT_KINDS, nameOf } from '../../testing/simulation/fault.ts';
import { shrink } from '../../testing/simulation/shrink.ts';
import { LOSSES } from './loss.ts';
import { type Plan, planOf } from './plan.ts';
import { type Outcome, simulate } from './simulate.ts';

export interface Failure {
  /** With the fewest faults that still make it fail. */
  readonly plan: Plan;
  readonly outcome: Outcome;
  /** How many faults it had before. */
  readonly faults: number;
}

export interface Campaign {
  readonly seeds: number;
  readonly failures: readonly Failure[];
  /** Every kind of fault, and how often it happened. */
  readonly fired: ReadonlyMap<string, number>;
  readonly counts: Outcome['counts'];
}

/** Runs one seed after another; ends with the first that fails, shrunk. */
export async function campaign(
  first: number,
  seeds: number,
  { shrinks = true } = {},
): Promise<Campaign> {
  const kinds = [...FAULT_KINDS.map(nameOf), ...LOSSES.map((loss) => `loss/${loss}`)];
  const fired = new Map(kinds.map((kind) => [kind, 0]));
  let counts: Outcome['counts'] = { batches: 0, voidBatches: 0, fences: 0, duplicates: 0 };
  for (let seed = first; seed < first + seeds; seed++) {
    const plan = planOf(seed);
    const outcome = await simulate(plan);
    for (const [kind, times] of outcome.fired) fired.set(kind, (fired.get(kind) ?? 0) + times);
    counts = added(counts, outcome.counts);
    if (outcome.violations.length === 0) continue;
    const whole = { plan, outcome, faults: plan.faults.length };
    const failure = shrinks ? await shrunk(plan) : whole;
    return { seeds: seed - first + 1, failures: [failure], fired, counts };
  }
  return { seeds, failures: [], fired, counts };
}

async function shrunk(plan: Plan): Promise<Failure> {
  const failing = async (faults: Plan['faults']): Promise<boolean> =>
    (await simulate({ ...plan, faults })).violations.length > 0;
  const smallest = { ...plan, faults: await shrink(plan.faults, failing) };
  return { plan: smallest, outcome: await simulate(smallest), faults: plan.faults.length };
}

function added(left: Outcome['counts'], right: Outcome['counts']): Outcome['counts'] {
  return {
    batches: left.batches + right.batches,
    voidBatches: left.voidBatches + right.voidBatches,
    fences: left.fences + right.fences,
    duplicates: left.duplicates + right.duplicates,
  };
}
