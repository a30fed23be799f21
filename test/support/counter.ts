import { AvroCodec, loadSchemas, type NamedSchema, type Schemas } from '../../avro/index.ts';
import { actor, deadLetter, event, type EffectResult, readModel } from '../../engine/actor.ts';
import type { EventDefinition, EventRecord, Headers } from '../../engine/event.ts';
import { buildTopology, type Topology, type TopologyDefinition } from '../../engine/topology.ts';
import { TopologyDriver, type TopologyDriverOptions } from '../../testing/topology-driver.ts';
import type { TestApplication } from './test-application.ts';

/*
 * A topology with everything an engine has: a chain of two actors, a read model, an effect, a reference,
 * handlers that throw. adder: count.add → count.total; watcher: count.total → rm.count.
 */

/** How long after `fail: 'later'` its effect is due. */
export const LATER_MICROS = 3_000_000;

/** The ladder of the effects that `fail: 'ladder…'` asks for; what follows is their target. */
export const LADDER_MS = [100, 200, 400];

interface AddPayload {
  readonly amount: number;
  readonly fail?: string;
}

export const adder = actor<{ total: number }>({
  name: 'adder',
  state: { version: 1, initial: () => ({ total: 0 }) },
  emits: ['count.total'],
  references: ['factor'],
  handles: {
    'count.add': (state, message, context) => {
      const { amount, fail } = message.payload as AddPayload;
      if (fail === 'throw') throw new Error('told to fail');
      if (fail === 'huge')
        return { emit: [event('count.total', { total: 1, note: 'x'.repeat(950 * 1024) })] };
      if (fail === 'invalid') return { emit: [event('count.total', { total: 'many' })] };
      if (fail === 'undeclared') return { emit: [event('count.add', { amount: 1 })] };
      if (fail === 'dead') return { emit: [deadLetter(message, 'UNWANTED', 'told to')] };
      if (fail === 'quiet') return {};
      if (fail === 'later')
        return {
          effects: [
            {
              id: 'double',
              name: 'count.double',
              args: { amount },
              notBefore: context.time + LATER_MICROS,
            },
          ],
        };
      if (fail === 'effect')
        return { effects: [{ id: 'double', name: 'count.double', args: { amount } }] };
      if (fail?.startsWith('ladder') === true)
        return {
          effects: [
            {
              id: message.eventId,
              name: 'count.double',
              args: { amount, id: message.eventId },
              ladderMs: LADDER_MS,
              target: fail,
            },
          ],
        };
      const factor =
        (context.reference('factor').get('all') as AddPayload | undefined)?.amount ?? 1;
      const total = state.total + amount * factor;
      return { state: { total }, emit: [event('count.total', { total, note: '' })] };
    },
  },
  effects: {
    'count.double': (state, result: EffectResult) => {
      const total = state.total + (result.ok ? (result.value as number) : 0);
      return { state: { total }, emit: [event('count.total', { total, note: 'doubled' })] };
    },
  },
});

export const watcher = actor<{ seen: number[] }>({
  name: 'watcher',
  state: { version: 1, initial: () => ({ seen: [] }) },
  emits: ['rm.count'],
  handles: {
    'count.total': (state, message) => {
      const { total } = message.payload as { total: number };
      if (total === 666) throw new Error('cannot watch this');
      const seen = [...state.seen, total];
      return { state: { seen }, emit: [readModel('rm.count', message.key, { total })] };
    },
  },
});

function definition(type: string, name: string, topic: string): EventDefinition {
  return { type, family: 'SYSTEM', version: 1, topic, record: `test.count.${name}` };
}

export const COUNT_EVENTS = [
  definition('count.add', 'Add', 'adds'),
  definition('count.total', 'Total', 'totals'),
  definition('count.factor', 'Factor', 'factors'),
];

export const COUNTER: TopologyDefinition = {
  application: 'counter',
  actors: [adder, watcher],
  events: COUNT_EVENTS,
  readModels: [{ topic: 'rm.count', record: 'test.count.Count' }],
  references: [{ name: 'factor', type: 'count.factor' }],
};

export function counterSchemas(): Schemas {
  const known = loadSchemas();
  const envelope = known.get('millrace.envelope.v1.EventEnvelope');
  const record = (name: string, fields: NamedSchema['fields']): NamedSchema => ({
    type: 'record',
    name,
    namespace: 'test.count',
    fields: fields ?? [],
  });
  const eventOf = (name: string, fields: NamedSchema['fields']): NamedSchema =>
    record(name, [
      { name: 'envelope', type: envelope },
      { name: 'payload', type: record(`${name}Payload`, fields) },
      { name: 'payload_extra', type: { type: 'map', values: 'string' }, default: {} },
      { name: 'raw', type: ['null', 'bytes'], default: null },
    ]);
  const amount = { name: 'amount', type: 'long' };
  const fail = { name: 'fail', type: 'string', default: '' };
  const total = { name: 'total', type: 'long' };
  const own = new Map<string, NamedSchema>([
    ['test.count.Add', eventOf('Add', [amount, fail])],
    ['test.count.Total', eventOf('Total', [total, { name: 'note', type: 'string', default: '' }])],
    ['test.count.Factor', eventOf('Factor', [amount])],
    ['test.count.Count', record('Count', [total])],
  ]);
  return { files: known.files, get: (name) => own.get(name) ?? known.get(name) };
}

/** What the counter puts on topics, for registering or offline codecs. */
export const COUNTER_RECORDS = [
  ...COUNT_EVENTS.map(({ topic, record }) => ({ topic, record })),
  { topic: 'rm.count', record: 'test.count.Count' },
];

export const COUNTER_APPLICATION: TestApplication = {
  definition: COUNTER,
  records: COUNTER_RECORDS,
  schemas: counterSchemas,
};

export function offlineCounterCodec(): AvroCodec {
  return AvroCodec.offline({ subjects: COUNTER_RECORDS, schemas: counterSchemas() });
}

export function counterDriver(
  options: Partial<TopologyDriverOptions> & {
    readonly definition?: Partial<TopologyDefinition>;
  } = {},
): TopologyDriver {
  const topology: Topology = buildTopology({ ...COUNTER, ...options.definition });
  return new TopologyDriver({ topology, codec: offlineCounterCodec(), ...options });
}

export function add(
  key: string,
  id: string,
  payload: { readonly amount: number; readonly fail?: string },
): EventRecord {
  return countEvent('count.add', key, id, payload);
}

export function countEvent(type: string, key: string, id: string, payload: unknown): EventRecord {
  return {
    envelope: {
      event_id: id,
      family: 'SYSTEM',
      event_type: type,
      event_version: 1,
      occurred_at: 1,
      correlation_id: key,
      causation_id: null,
      sequence: 1,
      producer: 'test',
      priority: 'normal',
      trace_id: null,
    },
    payload,
    payload_extra: {},
    raw: null,
  };
}

export function withoutHeaders(headers: Headers, ...names: string[]): Headers {
  return Object.fromEntries(Object.entries(headers).filter(([name]) => !names.includes(name)));
}
