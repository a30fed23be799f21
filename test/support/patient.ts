import { actor } from '../../engine/actor.ts';
import { adder, COUNTER_APPLICATION, watcher } from './counter.ts';
import type { TestApplication } from './test-application.ts';

/** The adder, but `fail: 'wait'` fails while there is no factor: what another try may mend. */
export const patient = actor<{ total: number }>({
  ...adder,
  handles: {
    'count.add': (state, message, context) => {
      const { amount, fail } = message.payload as {
        readonly amount: number;
        readonly fail: string;
      };
      if (fail === 'wait' && context.reference('factor').get('all') === undefined)
        throw new Error('no factor yet');
      const rest = { ...message, payload: { amount, fail: fail === 'wait' ? '' : fail } };
      return adder.handles['count.add']?.(state, rest, context) ?? {};
    },
  },
});

export const RUNGS_MS = [1_500, 500, 500];

/** A counter whose messages go down a short ladder. */
export const PATIENT: TestApplication = {
  ...COUNTER_APPLICATION,
  definition: {
    ...COUNTER_APPLICATION.definition,
    actors: [patient, watcher],
    onFailure: { policy: 'ladder', delaysMs: RUNGS_MS },
  },
};
