import { createServer } from 'node:http';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { AvroCodec, envelope, RegistryError, SchemaRegistry } from '../../avro/index.ts';

const open: Server[] = [];

afterEach(async () => {
  for (const server of open.splice(0)) await closed(server);
});

async function closed(server: Server): Promise<void> {
  server.closeAllConnections();
  await new Promise((resolve) => {
    server.close(resolve);
  });
}

interface Answer {
  readonly status: number;
  readonly body: unknown;
}

/** A registry that answers from a table of `METHOD path`, and counts what it was asked. */
async function registryOf(answers: Record<string, Answer | 'hang' | 'cut'>) {
  const asked: string[] = [];
  const server = createServer((request, response) => {
    const call = `${request.method} ${request.url}`;
    asked.push(call);
    const answer = answers[call] ?? { status: 404, body: { message: 'nothing here' } };
    if (answer === 'hang') return;
    if (answer === 'cut') return void request.socket.destroy();
    response.writeHead(answer.status).end(JSON.stringify(answer.body));
  });
  open.push(server);
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  const { port } = server.address() as AddressInfo;
  return { url: `http://127.0.0.1:${port}`, asked, server };
}

function framed(id: number, ...body: readonly number[]): Uint8Array {
  return Uint8Array.from([0, 0, 0, id >> 8, id & 0xff, ...body]);
}

function schemaAnswer(schema: unknown): Answer {
  return { status: 200, body: { schema: JSON.stringify(schema) } };
}

const RISK = { topic: 'risk', record: 'millrace.trading.v1.RiskApproved' };
const SUBJECT = '/subjects/risk-millrace.trading.v1.RiskApproved';
const KNOWN = { [`POST ${SUBJECT}`]: { status: 200, body: { id: 300 } } };
const FOREIGN = {
  type: 'record',
  name: 'Foreign',
  namespace: 'other.v1',
  fields: [{ name: 'a', type: 'string' }],
};

describe('learn', () => {
  it('asks once for an id, however many wait, and remembers it', async () => {
    const answers = { ...KNOWN, 'GET /schemas/ids/301': schemaAnswer(FOREIGN) };
    const { url, asked } = await registryOf(answers);
    const codec = await AvroCodec.start({ registryUrl: url, subjects: [RISK] });
    const bytes = framed(301, 2, 0x68);
    expect(codec.knows(bytes)).toBe(false);
    await Promise.all([codec.learn(bytes), codec.learn(bytes), codec.learn(framed(301))]);
    await codec.learn(bytes);
    expect(asked.filter((call) => call.startsWith('GET'))).toEqual(['GET /schemas/ids/301']);
    expect(codec.knows(bytes)).toBe(true);
    expect(codec.decode(bytes)).toEqual({ record: 'other.v1.Foreign', value: { a: 'h' } });
  });

  it('reads an older schema of a record of ours as today’s', async () => {
    const older = {
      type: 'record',
      name: 'Plan',
      namespace: 'millrace.readmodel.v1',
      fields: [
        { name: 'gone', type: { type: 'map', values: 'bytes' } },
        { name: 'progress', type: progressOf(['total', 'done']) },
        { name: 'steps', type: { type: 'array', items: STEP } },
        { name: 'status', type: { type: 'enum', name: 'PlanStatus', symbols: ['failed'] } },
      ],
    };
    const plan = { topic: 'rm.plan', record: 'millrace.readmodel.v1.Plan' };
    const answers = {
      'POST /subjects/rm.plan-millrace.readmodel.v1.Plan': { status: 200, body: { id: 1 } },
      'GET /schemas/ids/2': schemaAnswer(older),
    };
    const { url } = await registryOf(answers);
    const codec = await AvroCodec.start({ registryUrl: url, subjects: [plan] });
    // gone {"k": x}, total 4, done 3, one step of five one-letter texts, failed.
    const step = ['v', 'b', 'q', 'a', 'm'].flatMap((letter) => [2, letter.charCodeAt(0)]);
    const bytes = framed(2, 2, 2, 0x6b, 2, 0x78, 0, 8, 6, 2, ...step, 0, 0);
    await codec.learn(bytes);
    expect(JSON.stringify(codec.decode(bytes).value)).toBe(
      '{"status":"failed","steps":[{"venue":"v","base":"b","quote":"q","amount_in":"a","min_out":"m"}],' +
        '"progress":{"done":3,"total":4}}',
    );
  });

  it.each([
    ['there is none', {}, /301.*nothing here/],
    [
      'it is no Avro',
      { 'GET /schemas/ids/301': { status: 200, body: { schemaType: 'JSON' } } },
      /JSON/,
    ],
    ['it does not parse', { 'GET /schemas/ids/301': schemaAnswer({ type: 'x' }) }, /301/],
    [
      'ours cannot read it',
      { 'GET /schemas/ids/301': schemaAnswer({ ...FOREIGN, name: RISK.record, fields: [] }) },
      /RiskApproved/,
    ],
  ])('calls the bytes undecodable when %s', async (_, answers, message) => {
    const { url } = await registryOf({ ...KNOWN, ...answers });
    const codec = await AvroCodec.start({ registryUrl: url, subjects: [RISK] });
    await expect(codec.learn(framed(301))).rejects.toMatchObject({
      code: 'UNDECODABLE',
      message: expect.stringMatching(message) as string,
    });
    expect(codec.knows(framed(301))).toBe(false);
  });

  it('K-07 says that the registry is away, and goes on with what it knows', async () => {
    const { url, server } = await registryOf(KNOWN);
    const codec = await AvroCodec.start({ registryUrl: url, subjects: [RISK] });
    await closed(server);
    await expect(codec.learn(framed(301))).rejects.toMatchObject({ code: 'REGISTRY_AWAY' });
    const payload = { intentId: 'i', approved: true };
    const event = envelope('risk.approved', payload, { correlationId: 'c' });
    const bytes = codec.encode('risk', RISK.record, event);
    expect(codec.decode(bytes)).toMatchObject({ record: RISK.record, value: { payload } });
  });
});

describe('start', () => {
  it('K-07 fails with the address and the remedy when the registry is away', async () => {
    const { url, server } = await registryOf({});
    await closed(server);
    await expect(AvroCodec.start({ registryUrl: url, subjects: [RISK] })).rejects.toMatchObject({
      code: 'REGISTRY_AWAY',
      message: expect.stringMatching(/127\.0\.0\.1.*3 attempts.*SCHEMA_REGISTRY_URL/) as string,
    });
  });

  it('asks for the subject with the prefix before its topic', async () => {
    const { url, asked } = await registryOf({
      'POST /subjects/cypher.dev.risk-millrace.trading.v1.RiskApproved': {
        status: 200,
        body: { id: 9 },
      },
    });
    const options = { registryUrl: `${url}/`, subjects: [RISK], topicPrefix: 'cypher.dev.' };
    const codec = await AvroCodec.start(options);
    expect(asked).toHaveLength(1);
    expect(codec.idOf('risk', RISK.record)).toBe(9);
  });
});

describe('the registry client', () => {
  it('tries again when the network fails, a bounded number of times', async () => {
    const { url, asked } = await registryOf({ 'GET /config': 'cut' });
    const registry = new SchemaRegistry({ url, attempts: 2 });
    await expect(registry.ping()).rejects.toMatchObject({ code: 'AWAY' });
    expect(asked).toHaveLength(2);
  });

  it('does not try again what was answered', async () => {
    const { url, asked } = await registryOf({ 'GET /config': { status: 500, body: {} } });
    await expect(new SchemaRegistry({ url }).ping()).rejects.toBeInstanceOf(RegistryError);
    expect(asked).toHaveLength(1);
  });

  it('gives up on a registry that does not answer in time', async () => {
    const { url } = await registryOf({ 'GET /config': 'hang' });
    const registry = new SchemaRegistry({ url, attempts: 1, timeoutMs: 50 });
    await expect(registry.ping()).rejects.toMatchObject({ code: 'AWAY' });
  });
});

const STEP = {
  type: 'record',
  name: 'PlanStep',
  fields: ['venue', 'base', 'quote', 'amount_in', 'min_out'].map((name) => ({
    name,
    type: 'string',
  })),
};

function progressOf(names: readonly string[]): unknown {
  const fields = names.map((name) => ({ name, type: 'int' }));
  return { type: 'record', name: 'PlanProgress', fields };
}
