import { eventSchema } from '../../avro/index.ts';
import { actor, event } from '../../engine/actor.ts';
import { define, namespace, note, type Payload } from './topology.ts';

/* The work that stream processors are usually shown with: a count per key in a store, emitted with every input. */

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

export const schemas = [
  eventSchema({ namespace, name: 'Submitted', fields: [note] }),
  eventSchema({ namespace, name: 'Counted', fields: [note, { name: 'count', type: 'long' }] }),
];
