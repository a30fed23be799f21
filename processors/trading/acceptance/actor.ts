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
  readonly submitted: EventCause | null;
  readonly approved: EventCause | null;
  readonly rejected: boolean;
}

const NOTHING: Candidate = { intent: null, submitted: null, approved: null, rejected: false };

/**
 * Accepts an intent once it has been both submitted and approved.
 *
 * Order: a split deployment reads two topics and may see the verdict first; it is kept until the intent comes, and
 * the acceptance follows from both.
 * Source: B-41, X-12.
 */
export const acceptanceActor: Actor<Candidate> = actor<Candidate>({
  name: 'acceptance',
  state: { version: 1, initial: () => NOTHING },
  emits: ['intent.accepted'],
  handles: {
    'intent.submitted': (candidate, message: Message<IntentSubmittedPayload>) =>
      decide({ ...candidate, intent: message.payload, submitted: causeOf(message) }),
    'risk.approved': (candidate, message) => decide({ ...candidate, approved: causeOf(message) }),
    'risk.rejected': (candidate) => decide({ ...candidate, rejected: true }),
  },
});

function decide(candidate: Candidate): Decision<Candidate> {
  const { intent, submitted, approved, rejected } = candidate;
  if (intent === null || submitted === null) return { state: candidate };
  if (rejected) return { state: null };
  if (approved === null) return { state: candidate };
  const accepted: IntentAcceptedPayload = intent;
  const causes = [submitted, approved];
  return { state: null, emit: [event('intent.accepted', accepted, { causes })] };
}

function causeOf({ eventId, sequence }: Message): EventCause {
  return { eventId, sequence };
}
