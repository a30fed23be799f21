import { eventSchema } from '../avro/index.ts';
import { actor, event, readModel } from '../engine/actor.ts';

/*
 * A topology of one's own in one file: a balance per account, and an alarm below zero.
 * Run it beside a started system: npx millrace run --topology examples/accounts.ts
 */

const namespace = 'examples.accounts.v1';
const define = (type: string, name: string) =>
  ({
    type,
    family: 'SYSTEM',
    version: 1,
    topic: 'accounts',
    record: `${namespace}.${name}`,
  }) as const;

interface Posted {
  readonly cents: number;
}

const account = actor<{ cents: number }>({
  name: 'account',
  state: { version: 1, initial: () => ({ cents: 0 }) },
  emits: ['account.overdrawn', 'rm.account'],
  handles: {
    'account.posted': (state, message) => {
      const cents = state.cents + (message.payload as Posted).cents;
      const balance = readModel('rm.account', message.key, { cents });
      const overdrawn = state.cents >= 0 && cents < 0;
      const alarm = overdrawn ? [event('account.overdrawn', { cents })] : [];
      return { state: { cents }, emit: [...alarm, balance] };
    },
  },
});

export const topology = {
  application: 'example.accounts',
  actors: [account],
  events: [define('account.posted', 'Posted'), define('account.overdrawn', 'Overdrawn')],
  readModels: [{ topic: 'rm.account', record: `${namespace}.Balance` }],
};

const cents = { name: 'cents', type: 'long' };

export const schemas = [
  eventSchema({ namespace, name: 'Posted', fields: [cents] }),
  eventSchema({ namespace, name: 'Overdrawn', fields: [cents] }),
  { type: 'record', namespace, name: 'Balance', fields: [cents] },
];
