import { createServer, type Server } from 'node:http';
import { once } from 'node:events';
import { type AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { AvroCodec, eventHeaders, journalRecords } from '../../avro/index.ts';
import { COUNTER_RECORDS, add, counterSchemas } from '../support/counter.ts';
import { EngineFixture } from '../support/engine-fixture.ts';
import { eventually } from '../support/eventually.ts';

/** A registry that gives every schema an id, and may be away. */
class Registry {
  readonly #schemas: string[] = [];
  readonly #server: Server;
  isAway = false;
  refused = 0;

  constructor() {
    this.#server = createServer((request, response) => {
      void this.#answer(request).then(([status, body]) => {
        response.writeHead(status, { 'content-type': 'application/json' });
        response.end(JSON.stringify(body));
      });
    });
  }

  async start(): Promise<string> {
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** The id of a schema that was registered by somebody else. */
  add(schema: unknown): number {
    return this.#idOf(JSON.stringify(schema));
  }

  async end(): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, 'close');
  }

  async #answer(request: AsyncIterable<Buffer> & { url?: string; method?: string }) {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk);
    if (this.isAway) {
      this.refused += 1;
      return [503, { message: 'away' }] as const;
    }
    const { url = '', method } = request;
    const id = /^\/schemas\/ids\/(\d+)$/.exec(url)?.[1];
    if (id !== undefined) {
      const schema = this.#schemas[Number(id) - 1];
      return schema === undefined ? ([404, {}] as const) : ([200, { schema }] as const);
    }
    if (url.startsWith('/subjects/') && method === 'POST') {
      const { schema } = JSON.parse(Buffer.concat(chunks).toString()) as { schema: string };
      return [200, { id: this.#idOf(schema), version: 1, schema }] as const;
    }
    return [200, { compatibilityLevel: 'BACKWARD', is_compatible: true }] as const;
  }

  #idOf(schema: string): number {
    if (!this.#schemas.includes(schema)) this.#schemas.push(schema);
    return this.#schemas.indexOf(schema) + 1;
  }
}

let registry: Registry;
let fixture: EngineFixture;
beforeEach(async () => {
  registry = new Registry();
  const codec = await AvroCodec.start({
    registryUrl: await registry.start(),
    subjects: [...COUNTER_RECORDS, ...journalRecords('counter')],
    schemas: counterSchemas(),
  });
  fixture = await EngineFixture.start({ codec });
});
afterEach(async () => {
  await fixture.end();
  await registry.end();
});

/** An addition of a producer whose schema has one more field with a default. */
function byAnother(key: string, eventId: string, amount: number) {
  const schema = counterSchemas().get('test.count.Add');
  const added = { name: 'added', type: 'string', default: 'later' };
  const id = registry.add({ ...schema, fields: [...(schema.fields ?? []), added] });
  const event = add(key, eventId, { amount });
  const own = Buffer.from(fixture.codec.encode('adds', 'test.count.Add', event));
  own.writeUInt32BE(id, 1);
  const value = Buffer.concat([own, Buffer.from([10]), Buffer.from('later')]);
  return { ...fixture.recordOf(event), value, headers: eventHeaders(event.envelope) };
}

describe('a schema that is not known yet', () => {
  it('waits while the registry is away, in its place, and is handled when it is back', async () => {
    const run = await fixture.running();
    registry.isAway = true;
    await fixture.send(byAnother('a', 'e1', 1_000));
    await fixture.publish(add('a', 'e2', { amount: 1 }));
    await eventually('the registry was asked', () => registry.refused > 0);
    expect(run.counts.handled).toBe(0);
    registry.isAway = false;
    await run.handled(4);
    await run.stop();
    expect((await fixture.states('watcher')).get('a')).toEqual({ seen: [1_000, 1_001] });
    expect(run.counts.deadLettered).toEqual([]);
  });

  it('that the registry does not have becomes a dead letter, and the next record is handled', async () => {
    const run = await fixture.running();
    const strange = fixture.recordOf(add('a', 'e1', { amount: 1 }));
    await fixture.send({ ...strange, value: Buffer.from([0, 0, 0, 3, 231, 1]) });
    await fixture.publish(add('a', 'e2', { amount: 1_000 }));
    await run.handled(2);
    await run.stop();
    expect(run.counts.deadLettered).toEqual(['dlq.count.add: UNKNOWN_SCHEMA']);
    expect((await fixture.states('watcher')).get('a')).toEqual({ seen: [1_000] });
  });
});
