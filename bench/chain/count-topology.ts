import { eventSchema } from '../../avro/index.ts';
import { actor, event } from '../../engine/actor.ts';

/* The work that stream processors are usually shown with: a count per key in a store, emitted with every input. */

const namespace = 'millrace.bench.v1';
const define = (name: string) =>
  ({
    type: `chain.${name.toLowerCase()}`,
    family: 'SYSTEM',
    version: 1,
    topic: `chain.${name.toLowerCase()}`,
    record: `${namespace}.${name}`,
  }) as const;

interface Payload {
  readonly note: string;
}

/** `keeps`: the last value stays in the state of its key. */
export const counter = (keeps: boolean) =>
  actor<{ count: number; last?: string }>({
    name: 'counter',
    state: { version: 1, initial: () => ({ count: 0 }) },
    emits: ['chain.counted'],
    handles: {
      'chain.submitted': (state, message) => {
        const count = state.count + 1;
        const { note } = message.payload as Payload;
        return {
          state: keeps ? { count, last: note } : { count },
          emit: [event('chain.counted', { note, count })],
        };
      },
    },
  });

export const events = ['Submitted', 'Counted'].map(define);

export const topology = { application: 'bench.count', actors: [counter(false)], events };

const note = { name: 'note', type: 'string' };

export const schemas = [
  eventSchema({ namespace, name: 'Submitted', fields: [note] }),
  eventSchema({ namespace, name: 'Counted', fields: [note, { name: 'count', type: 'long' }] }),
];
