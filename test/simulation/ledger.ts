import type { NamedSchema } from '../../avro/index.ts';
import {
  actor,
  cancelTimer,
  deadLetter,
  type EffectResult,
  event,
  type Firing,
  readModel,
  reply,
  setTimer,
  tell,
} from '../../engine/actor.ts';
import type { TopologyDefinition } from '../../engine/topology.ts';
import { type TestApplication, testEvents } from '../support/test-application.ts';

/*
 * What the simulation runs: everything that the engine can do, in small.
 * account: ledger.add → ledger.total; watcher: ledger.total → rm.ledger; an addition may also ask for an effect,
 * fail, be set aside, or tell a friend of another key, who thanks: ledger.hint → ledger.thanks.
 */

export interface Addition {
  readonly amount: number;
  /** '': adds. Otherwise what else happens: throw, moody, dead, effect, quiet, timer:<ms>, cancel, tell:<key>. */
  readonly wish: string;
}

interface Account {
  readonly total: number;
  readonly thanks: readonly number[];
}

/** Where messages that fail go down a ladder, its pauses. */
export const RUNGS_MS = [200, 1_500];

/** Pauses between the attempts of its effects. */
const LADDER_MS = [100, 1_000];

const account = actor<Account>({
  name: 'account',
  state: { version: 1, initial: () => ({ total: 0, thanks: [] }) },
  emits: ['ledger.total', 'ledger.hint'],
  references: ['factor'],
  handles: {
    'ledger.add': (state, message, context) => {
      const { amount, wish } = message.payload as Addition;
      if (wish === 'throw') throw new Error('told to fail');
      // What another try may mend: time is all that changes while the key is blocked.
      if (wish === 'moody' && Math.floor(context.time / 1_000) % 3 !== 0)
        throw new Error('not in the mood');
      if (wish === 'dead') return { emit: [deadLetter(message, 'UNWANTED', 'told to')] };
      if (wish === 'quiet') return {};
      if (wish === 'cancel') return { timers: [cancelTimer('remind')] };
      if (wish.startsWith('timer:')) {
        const due = context.time + Number(wish.slice('timer:'.length)) * 1_000;
        return { timers: [setTimer('remind', due, amount)] };
      }
      if (wish === 'effect')
        return {
          effects: [
            {
              id: message.eventId,
              name: 'ledger.double',
              args: { amount, id: message.eventId },
              ladderMs: LADDER_MS,
            },
          ],
        };
      const factor = (context.reference('factor').get('all') as Addition | undefined)?.amount ?? 1;
      const total = state.total + amount * factor;
      const told = wish.startsWith('tell:') ? [tell('ledger.hint', wish.slice(5), { amount })] : [];
      return {
        state: { ...state, total },
        emit: [...told, event('ledger.total', { total, id: context.uuid('total') })],
      };
    },
    'ledger.thanks': (state, message) => {
      const { amount } = message.payload as Addition;
      return { state: { ...state, thanks: [...state.thanks, amount] } };
    },
  },
  timers: {
    remind: (state, firing: Firing<number>, context) => {
      const total = state.total + firing.data;
      return {
        state: { ...state, total },
        emit: [event('ledger.total', { total, id: context.uuid('reminded') })],
      };
    },
  },
  effects: {
    'ledger.double': (state, result: EffectResult, context) => {
      const total = state.total + (result.ok ? (result.value as number) : 0);
      return {
        state: { ...state, total },
        emit: [event('ledger.total', { total, id: context.uuid('doubled') })],
      };
    },
  },
});

const watcher = actor<{ seen: readonly number[] }>({
  name: 'watcher',
  state: { version: 1, initial: () => ({ seen: [] }) },
  emits: ['rm.ledger'],
  handles: {
    'ledger.total': (state, message) => {
      const { total } = message.payload as { total: number };
      if (total % 41 === 40) throw new Error('cannot watch this');
      const seen = [...state.seen, total];
      return { state: { seen }, emit: [readModel('rm.ledger', message.key, { total })] };
    },
  },
});

const friend = actor<{ heard: readonly string[] }>({
  name: 'friend',
  state: { version: 1, initial: () => ({ heard: [] }) },
  emits: ['ledger.thanks'],
  handles: {
    'ledger.hint': (state, message) => {
      const { amount } = message.payload as Addition;
      const heard = [...state.heard, `${message.correlationId}:${amount}`];
      return { state: { heard }, emit: [reply(message, 'ledger.thanks', { amount })] };
    },
  },
});

const int = (name: string) => ({ name, type: 'int' });
const text = (name: string) => ({ name, type: 'string' });

const { events, schemas } = testEvents('test.ledger', {
  'ledger.add': { topic: 'adds', payload: [int('amount'), text('wish')] },
  'ledger.total': { topic: 'totals', payload: [int('total'), text('id')] },
  'ledger.factor': { topic: 'factors', payload: [int('amount')] },
  'ledger.hint': { topic: 'rk.hints', payload: [int('amount')] },
  'ledger.thanks': { topic: 'rk.thanks', payload: [int('amount')] },
});

const READ_MODEL: NamedSchema = {
  type: 'record',
  name: 'LedgerView',
  namespace: 'test.ledger',
  fields: [int('total')],
};
const READ_MODELS = [{ topic: 'rm.ledger', record: 'test.ledger.LedgerView' }];

const definition: TopologyDefinition = {
  application: 'ledger',
  actors: [account, watcher, friend],
  events,
  readModels: READ_MODELS,
  references: [{ name: 'factor', type: 'ledger.factor' }],
};

export const LEDGER: TestApplication = {
  definition,
  records: [...events.map(({ topic, record }) => ({ topic, record })), ...READ_MODELS],
  schemas: () => {
    const known = schemas();
    const get = (name: string) => (name === READ_MODELS[0]?.record ? READ_MODEL : known.get(name));
    return { files: known.files, get };
  },
};

/** What performs the ledger's one effect does. */
export function double(args: unknown): number {
  return (args as Addition).amount * 2;
}
