import type { PlanStep } from '../../../avro/index.ts';

/** What a plan is expected to cost. */
export interface PlanEstimate {
  readonly gas: number;
  readonly durationMs: number;
}

/** A swap on one pool, rounded up; the time is that of one block. */
const PER_STEP: PlanEstimate = { gas: 180_000, durationMs: 12_000 };

/** Static: it looks at nothing but the number of steps. Source: B-55. */
export function simulatePlan(plan: { readonly steps: readonly PlanStep[] }): PlanEstimate {
  const count = plan.steps.length;
  return { gas: count * PER_STEP.gas, durationMs: count * PER_STEP.durationMs };
}
