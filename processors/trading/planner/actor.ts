import type {
  IntentAcceptedPayload,
  PlanCreatedPayload,
  PlanRejectedPayload,
  PoolSnapshotPayload,
} from '../../../avro/index.ts';
import { actor, event, type Actor, type Message } from '../../../engine/actor.ts';
import type { Assets } from '../assets.ts';
import { planIntent } from './plan.ts';
import type { RouteEngine } from './rust-route.ts';

export interface PlannerOptions {
  readonly assets: Assets;
  readonly maxSnapshotAgeMs: number;
  /** From `selectRoute`. */
  readonly engine: RouteEngine;
}

/**
 * Plans each accepted intent on a pool whose snapshot is already here: no network in the hot path.
 *
 * Source: B-49 … B-54.
 */
export function plannerActor(options: PlannerOptions): Actor<null> {
  return actor<null>({
    name: 'planner',
    state: { version: 1, initial: () => null },
    emits: ['plan.created', 'plan.rejected'],
    references: ['pool'],
    handles: {
      'intent.accepted': (_state, { payload }: Message<IntentAcceptedPayload>, context) => {
        const { intentId } = payload;
        const pools = context.reference('pool');
        const result = planIntent(payload, {
          ...options,
          time: context.time,
          snapshotOf: (poolId) => pools.get(poolId) as PoolSnapshotPayload | undefined,
        });
        if (!result.ok) {
          const { reason, code } = result;
          const rejected: PlanRejectedPayload = { intentId, reason, code };
          return { emit: [event('plan.rejected', rejected)] };
        }
        const planId = context.uuid('plan');
        const created: PlanCreatedPayload = { planId, intentId, steps: result.steps };
        return { emit: [event('plan.created', created)] };
      },
    },
  });
}
