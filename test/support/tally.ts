import { actor, readModel } from '../../engine/actor.ts';
import { COUNT_EVENTS, COUNTER_RECORDS, counterSchemas } from './counter.ts';
import type { TestApplication } from './test-application.ts';

/** The second hop behind the counter, in an application of its own: tallier: count.total → rm.tally. */
const tallier = actor<{ totals: number; last: number }>({
  name: 'tallier',
  state: { version: 1, initial: () => ({ totals: 0, last: 0 }) },
  emits: ['rm.tally'],
  handles: {
    'count.total': (state, message) => {
      const { total } = message.payload as { total: number };
      const next = { totals: state.totals + 1, last: total };
      return { state: next, emit: [readModel('rm.tally', message.key, { total: next.totals })] };
    },
  },
});

export const TALLY: TestApplication = {
  definition: {
    application: 'tally',
    actors: [tallier],
    events: COUNT_EVENTS.filter(({ type }) => type === 'count.total'),
    readModels: [{ topic: 'rm.tally', record: 'test.count.Count' }],
  },
  records: [...COUNTER_RECORDS, { topic: 'rm.tally', record: 'test.count.Count' }],
  schemas: counterSchemas,
};
