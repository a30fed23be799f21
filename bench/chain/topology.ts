import { eventSchema } from '../../avro/index.ts';
import { actor, event } from '../../engine/actor.ts';

/*
 * The work that all systems are compared by: submitted → checked → accepted → planned. Each step keeps a count per key
 * and writes one record. Run by `millrace run --topology`; bench/peers/ has the same for others.
 */

export const namespace = 'millrace.bench.v1';
/** An event of this work and of what is made like it. */
export const define = (name: string) =>
  ({
    type: `chain.${name.toLowerCase()}`,
    family: 'SYSTEM',
    version: 1,
    topic: `chain.${name.toLowerCase()}`,
    record: `${namespace}.${name}`,
  }) as const;

export interface Payload {
  readonly note: string;
}

const step = (name: string, from: string, to: string) =>
  actor<{ count: number }>({
    name,
    state: { version: 1, initial: () => ({ count: 0 }) },
    emits: [to],
    handles: {
      [from]: (state, message) => ({
        state: { count: state.count + 1 },
        emit: [event(to, { note: (message.payload as Payload).note })],
      }),
    },
  });

export const topology = {
  application: 'bench.chain',
  actors: [
    step('checker', 'chain.submitted', 'chain.checked'),
    step('acceptor', 'chain.checked', 'chain.accepted'),
    step('planner', 'chain.accepted', 'chain.planned'),
  ],
  events: ['Submitted', 'Checked', 'Accepted', 'Planned'].map(define),
};

/** The field that passes through. */
export const note = { name: 'note', type: 'string' };

export const schemas = ['Submitted', 'Checked', 'Accepted', 'Planned'].map((name) =>
  eventSchema({ namespace, name, fields: [note] }),
);
