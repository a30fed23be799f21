import type { IntentAcceptedPayload, IntentSubmittedPayload } from '../../../avro/index.ts';
import {
  actor,
  event,
  type Actor,
  type Decision,
  type EventCause,
  type Message,
} from '../../../engine/actor.ts';

/** What has come of an intent so far. Gone once it is accepted or rejected. */
export interface Candidate {
  readonly intent: IntentSubmittedPayload | null;
  /** What the acceptance follows from, whichever of the two came last. */
  readonly approval: EventCause | null;
}

/**
 * Accepts an intent once it has been both submitted and approved.
 *
 * Order: a split deployment reads two topics and may see the approval first; it is kept until the intent comes.
 * Source: B-41, X-12.
 */
export const acceptanceActor: Actor<Candidate> = actor<Candidate>({
  name: 'acceptance',
  state: { version: 1, initial: () => ({ intent: null, approval: null }) },
  emits: ['intent.accepted'],
  handles: {
    'intent.submitted': (candidate, { payload }: Message<IntentSubmittedPayload>) =>
      decide({ ...candidate, intent: payload }),
    'risk.approved': (candidate, { eventId, sequence }) =>
      decide({ ...candidate, approval: { eventId, sequence } }),
    'risk.rejected': () => ({ state: null }),
  },
});

function decide(candidate: Candidate): Decision<Candidate> {
  const { intent, approval } = candidate;
  if (intent === null || approval === null) return { state: candidate };
  const accepted: IntentAcceptedPayload = intent;
  return { state: null, emit: [event('intent.accepted', accepted, { cause: approval })] };
}
