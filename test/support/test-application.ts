import {
  AvroCodec,
  journalRecords,
  loadSchemas,
  type NamedSchema,
  type Schemas,
} from '../../avro/index.ts';
import type { EventDefinition, EventRecord } from '../../engine/event.ts';
import type { TopologyDefinition } from '../../engine/topology.ts';

/** A topology that exists for tests only, with the schemas of what it puts on topics. */
export interface TestApplication {
  readonly definition: TopologyDefinition;
  readonly records: readonly { readonly topic: string; readonly record: string }[];
  readonly schemas: () => Schemas;
}

type Fields = NamedSchema['fields'];

/** Event types of one namespace: type → topic and payload. `shop.pay` is record `<namespace>.ShopPay`. */
export function testEvents(
  namespace: string,
  events: Readonly<Record<string, { readonly topic: string; readonly payload: Fields }>>,
): { readonly events: readonly EventDefinition[]; readonly schemas: () => Schemas } {
  const nameOf = (type: string): string =>
    type.replace(/(^|[._])(\w)/g, (_, _dot, letter: string) => letter.toUpperCase());
  const schemas = (): Schemas => {
    const known = loadSchemas();
    const envelope = known.get('millrace.envelope.v1.EventEnvelope');
    const own = new Map(
      Object.entries(events).map(([type, { payload }]): [string, NamedSchema] => {
        const name = nameOf(type);
        const of = { type: 'record', name: `${name}Payload`, namespace, fields: payload };
        const fields = [
          { name: 'envelope', type: envelope },
          { name: 'payload', type: of },
          { name: 'payload_extra', type: { type: 'map', values: 'string' }, default: {} },
          { name: 'raw', type: ['null', 'bytes'], default: null },
        ];
        return [`${namespace}.${name}`, { type: 'record', name, namespace, fields } as NamedSchema];
      }),
    );
    return { files: known.files, get: (name) => own.get(name) ?? known.get(name) };
  };
  return {
    events: Object.entries(events).map(([type, { topic }]) => ({
      type,
      family: 'SYSTEM',
      version: 1,
      topic,
      record: `${namespace}.${nameOf(type)}`,
    })),
    schemas,
  };
}

/** Encodes as every process of a test does: the ids of schemas are their places in the list. */
export function offlineCodec({ definition, records, schemas }: TestApplication): AvroCodec {
  const { application, actors } = definition;
  const applications = [application, ...actors.map(({ name }) => `${application}.${name}`)];
  const subjects = [...records, ...applications.flatMap(journalRecords)];
  return AvroCodec.offline({ subjects, schemas: schemas() });
}

/** An event as a foreign producer makes it, the first of its correlation. */
export function firstEvent(
  type: string,
  correlationId: string,
  id: string,
  payload: unknown,
): EventRecord {
  return {
    envelope: {
      event_id: id,
      family: 'SYSTEM',
      event_type: type,
      event_version: 1,
      occurred_at: 1,
      correlation_id: correlationId,
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
