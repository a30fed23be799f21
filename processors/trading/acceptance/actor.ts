import type { IntentAcceptedPayload, IntentSubmittedPayload } from '../../../avro/index.ts';
import { actor, event, type Actor, type Decision, type Message } from '../../../engine/actor.ts';

/** What has come of an intent so far. Gone once it is accepted or rejected. */
export interface Candidate {
  readonly intent: IntentSubmittedPayload | null;
  readonly approved: boolean;
}

/**
 * Accepts an intent once it has been both submitted and approved.
 *
 * Order: a split deployment reads two topics and may see the approval first; it is kept until the intent comes.
 * Source: B-41, X-12.
 */
export const acceptanceActor: Actor<Candidate> = actor<Candidate>({
  name: 'acceptance',
  state: { version: 1, initial: () => ({ intent: null, approved: false }) },
  emits: ['intent.accepted'],
  handles: {
    'intent.submitted': (candidate, { payload }: Message<IntentSubmittedPayload>) =>
      decide({ ...candidate, intent: payload }),
    'risk.approved': (candidate) => decide({ ...candidate, approved: true }),
    'risk.rejected': () => ({ state: null }),
  },
});

function decide(candidate: Candidate): Decision<Candidate> {
  const { intent, approved } = candidate;
  if (intent === null || !approved) return { state: candidate };
  const accepted: IntentAcceptedPayload = intent;
  return { state: null, emit: [event('intent.accepted', accepted)] };
}
