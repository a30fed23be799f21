import { actor } from '../../engine/actor.ts';
import { type TestApplication, testEvents } from './test-application.ts';

/*
 * One actor that takes work from three topics of three classes: desk.alarm (critical), desk.order (normal),
 * desk.report (low).
 */

const TYPES = ['desk.alarm', 'desk.order', 'desk.report'];

const clerk = actor<{ done: number }>({
  name: 'clerk',
  state: { version: 1, initial: () => ({ done: 0 }) },
  emits: [],
  handles: Object.fromEntries(
    TYPES.map((type) => [type, ({ done }: { done: number }) => ({ state: { done: done + 1 } })]),
  ),
});

const payload = [
  { name: 'number', type: 'int' },
  { name: 'note', type: 'string' },
];
const { events, schemas } = testEvents('test.desk', {
  'desk.alarm': { topic: 'alarms', payload },
  'desk.order': { topic: 'orders', payload },
  'desk.report': { topic: 'reports', payload },
});

export const DESK: TestApplication = {
  definition: {
    application: 'desk',
    actors: [clerk],
    events,
    priorities: { alarms: 'critical', reports: 'low' },
  },
  records: events.map(({ topic, record }) => ({ topic, record })),
  schemas,
};
