import { actor, event, reply, tell } from '../../engine/actor.ts';
import { type TestApplication, testEvents } from './test-application.ts';

/*
 * Orders that ask customers for credit: a question goes to another key, and so do its answer and what follows
 * from it. order: order.placed → credit.reserve (told to the customer) → credit.answered (told back) →
 * order.settled; customer: credit.reserve → credit.answered and credit.moved; auditor: credit.moved.
 */

interface Asked {
  readonly customer: string;
  readonly amount: number;
  readonly line: number;
}

export interface CustomerState {
  readonly used: number;
  /** What was asked, in the order of handling: `order/line`. */
  readonly asked: readonly string[];
}

export const LIMIT = 100;

const order = actor<{ answers: number[]; open: number }>({
  name: 'order',
  state: { version: 1, initial: () => ({ answers: [], open: 0 }) },
  emits: ['credit.reserve', 'order.settled'],
  handles: {
    'order.placed': (state, message) => {
      const { lines } = message.payload as { lines: readonly Asked[] };
      const emit = lines.map(({ customer, amount, line }) =>
        tell('credit.reserve', customer, { amount, line }),
      );
      return { state: { ...state, open: state.open + lines.length }, emit };
    },
    'credit.answered': (state, message) => {
      const { line } = message.payload as { line: number };
      const answers = [...state.answers, line];
      const emit = answers.length === state.open ? [event('order.settled', { answers })] : [];
      return { state: { ...state, answers }, emit };
    },
  },
});

const customer = actor<CustomerState>({
  name: 'customer',
  state: { version: 1, initial: () => ({ used: 0, asked: [] }) },
  emits: ['credit.answered', 'credit.moved'],
  handles: {
    'credit.reserve': (state, message) => {
      const { amount, line } = message.payload as { amount: number; line: number };
      const granted = state.used + amount <= LIMIT;
      const used = granted ? state.used + amount : state.used;
      const asked = [...state.asked, `${message.correlationId}/${line}`];
      return {
        state: { used, asked },
        emit: [
          reply(message, 'credit.answered', { line, granted }),
          event('credit.moved', { customer: message.key, line }),
        ],
      };
    },
  },
});

/** Keyed by the order again, though what it handles was said by a customer. */
const auditor = actor<{ lines: string[] }>({
  name: 'auditor',
  state: { version: 1, initial: () => ({ lines: [] }) },
  emits: [],
  handles: {
    'credit.moved': (state, message) => {
      const { line } = message.payload as { line: number };
      return { state: { lines: [...state.lines, `${message.correlationId}/${line}`] } };
    },
  },
});

const int = (name: string) => ({ name, type: 'int' });
const line = {
  type: 'record' as const,
  name: 'OrderLine',
  namespace: 'test.credit',
  fields: [{ name: 'customer', type: 'string' }, int('amount'), int('line')],
};

const { events, schemas } = testEvents('test.credit', {
  'order.placed': {
    topic: 'orders',
    payload: [{ name: 'lines', type: { type: 'array', items: line } }],
  },
  'order.settled': {
    topic: 'orders.settled',
    payload: [{ name: 'answers', type: { type: 'array', items: 'int' } }],
  },
  'credit.reserve': { topic: 'rk.credit', payload: [int('amount'), int('line')] },
  'credit.answered': {
    topic: 'rk.credit.answers',
    payload: [int('line'), { name: 'granted', type: 'boolean' }],
  },
  'credit.moved': {
    topic: 'moves',
    payload: [{ name: 'customer', type: 'string' }, int('line')],
  },
});

export const CREDIT: TestApplication = {
  definition: { application: 'credit', actors: [order, customer, auditor], events },
  records: events.map(({ topic, record }) => ({ topic, record })),
  schemas,
};
