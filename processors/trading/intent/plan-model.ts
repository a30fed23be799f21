import type {
  ExecStepFilledPayload,
  PlanCreatedPayload,
  PlanReadModel,
  PlanStatus,
} from '../../../avro/index.ts';
import type { Message } from '../../../engine/actor.ts';

/** The read model, with the id it is kept under. */
export interface PlanModel {
  readonly planId: string;
  readonly value: PlanReadModel;
}

/**
 * The plan after an event that the intent's state machine has found legal; the same object when the event
 * says nothing about it.
 *
 * Shape: keys in the order of GET /plans/{id}.
 * Source: B-69, B-77.
 */
export function evolvePlan(model: PlanModel | null, message: Message): PlanModel | null {
  if (message.type === 'plan.created') return openPlan(message.payload as PlanCreatedPayload);
  if (model === null) return null;
  const { done, total } = model.value.progress;
  switch (message.type) {
    case 'exec.started':
      return changed(model, 'executing', done);
    case 'exec.step_filled': {
      const { stepIndex } = message.payload as ExecStepFilledPayload;
      const filled = Math.min(total, Math.max(done, stepIndex + 1));
      return changed(model, filled === total ? 'completed' : 'executing', filled);
    }
    case 'exec.completed':
      return changed(model, 'completed', done);
    case 'exec.failed':
      return changed(model, 'failed', done);
    default:
      return model;
  }
}

function openPlan({ planId, steps }: PlanCreatedPayload): PlanModel {
  return {
    planId,
    value: { status: 'created', steps, progress: { done: 0, total: steps.length } },
  };
}

function changed(model: PlanModel, status: PlanStatus, done: number): PlanModel {
  const { steps, progress } = model.value;
  if (model.value.status === status && progress.done === done) return model;
  return { ...model, value: { status, steps, progress: { done, total: progress.total } } };
}
