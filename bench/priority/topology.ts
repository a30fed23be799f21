import { eventSchema } from '../../avro/index.ts';
import { actor, event } from '../../engine/actor.ts';

/* Work of four classes on topics of its own each, done by one actor, which says so on one topic. */

export const CLASSES = ['critical', 'high', 'normal', 'low'] as const;

const namespace = 'millrace.bench.v1';
/** Records per class: an event type has a record of its own. */
export const recordOf = (name: string): string =>
  `${namespace}.${name[0]?.toUpperCase()}${name.slice(1)}Work`;
const define = (name: string, record = recordOf(name)) =>
  ({ type: `work.${name}`, family: 'SYSTEM', version: 1, topic: `work.${name}`, record }) as const;

const worker = actor<{ done: number }>({
  name: 'worker',
  state: { version: 1, initial: () => ({ done: 0 }) },
  emits: ['work.done'],
  handles: Object.fromEntries(
    CLASSES.map((name) => [
      `work.${name}`,
      ({ done }: { done: number }) => ({
        state: { done: done + 1 },
        emit: [event('work.done', { note: name })],
      }),
    ]),
  ),
});

export const topology = {
  application: 'bench.priority',
  actors: [worker],
  events: [...CLASSES.map((name) => define(name)), define('done')],
  priorities: { 'work.critical': 'critical', 'work.high': 'high', 'work.low': 'low' } as const,
};

const note = { name: 'note', type: 'string' };

export const schemas = [...CLASSES, 'done'].map((name) =>
  eventSchema({ namespace, name: recordOf(name).slice(namespace.length + 1), fields: [note] }),
);
