import type {
  IntentSubmittedPayload,
  RiskApprovedPayload,
  RiskRejectedPayload,
} from '../../../avro/index.ts';
import { actor, event, type Actor, type Message } from '../../../engine/actor.ts';
import { evaluateRisk, type RiskLimits } from './evaluate-risk.ts';

/**
 * Says of each submitted intent whether it is within the limits.
 *
 * Source: B-41, B-48.
 */
export function riskActor(limits: RiskLimits): Actor<null> {
  return actor<null>({
    name: 'risk',
    state: { version: 1, initial: () => null },
    emits: ['risk.approved', 'risk.rejected'],
    handles: {
      'intent.submitted': (_state, { payload }: Message<IntentSubmittedPayload>) => {
        const { intentId } = payload;
        const verdict = evaluateRisk(payload, limits);
        if (verdict.approved)
          return {
            emit: [
              event('risk.approved', { intentId, approved: true } satisfies RiskApprovedPayload),
            ],
          };
        const { reason, code } = verdict;
        const rejected: RiskRejectedPayload = { intentId, approved: false, reason, code };
        return { emit: [event('risk.rejected', rejected)] };
      },
    },
  });
}
