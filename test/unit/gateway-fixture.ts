import { Writable } from 'node:stream';
import type { FastifyInstance, InjectOptions, LightMyRequestResponse } from 'fastify';
import { createLog, type Log } from '../../apps/log.ts';
import { createMetrics, type Metrics } from '../../apps/metrics.ts';
import { type HealthChecks, registerServiceRoutes } from '../../apps/service-server.ts';
import type { EventRecord } from '../../engine/event.ts';
import { AvroCodec, BOT_RECORDS } from '../../avro/index.ts';
import type { RecordToSend } from '../../kafka/client.ts';
import { partitionOf } from '../../kafka/partitioner.ts';
import { TopicNames } from '../../kafka/topic-names.ts';
import {
  BotIntake,
  createGateway,
  type FieldError,
  type GatewayOptions,
  openApiDocument,
  type SoundIntent,
} from '../../gateway/index.ts';

export const SOUND = {
  strategyId: 's-1',
  base: 'WETH',
  quote: 'USDC',
  amount_in: '1.5',
  notional_usd: '4500',
  max_slippage: '0.01',
};

export const AN_ID = '0b0e7c1e-7f2c-4b6a-9d7e-3f1a2b4c5d6e';

/** Stands in for the rules of trading: every field has to be a text. */
export const TEXT_RULES: GatewayOptions['rules'] = {
  validate(body) {
    const given = (body ?? {}) as Record<string, unknown>;
    const errors: FieldError[] = Object.keys(SOUND)
      .filter((name) => typeof given[name] !== 'string')
      .map((name) => ({
        field: `/${name}`,
        code: name in given ? 'NOT_A_TEXT' : 'MISSING',
        message: `${name} is ${JSON.stringify(given[name])}`,
        remedy: `send ${name} as a text`,
      }));
    if (errors.length > 0) return { ok: false, errors };
    return { ok: true, intent: { metadata: null, ...given } as SoundIntent };
  },
  priority: () => 5,
};

export interface TestGateway {
  readonly server: FastifyInstance;
  readonly metrics: Metrics;
  readonly published: EventRecord[];
  /** Lines of the log, parsed. */
  readonly lines: () => readonly Record<string, unknown>[];
  readonly routes: readonly string[];
  /** Injects, and checks the answer against the API document. */
  readonly call: (request: InjectOptions) => Promise<LightMyRequestResponse>;
}

export function testGateway(
  overrides: Partial<GatewayOptions> & { readonly checks?: HealthChecks } = {},
): TestGateway {
  const published: EventRecord[] = [];
  const routes: string[] = [];
  const { log, lines } = capturedLog();
  const metrics = createMetrics();
  const server = createGateway({
    config: { rateLimitIntentsPerMin: 0, authorization: 'allow' },
    version: '1.2.3',
    log,
    metrics,
    rules: TEXT_RULES,
    publisher: {
      publish: async (event) => {
        published.push(event);
      },
    },
    readModels: { intent: async () => null, plan: async () => null, positions: async () => null },
    store: { history: async () => [] },
    correlations: { find: async () => null },
    submissions: memorySubmissions(),
    bots: testBots(),
    serviceRoutes: (target) => {
      target.addHook('onRoute', ({ method, url, config }) => {
        if (config !== undefined && 'refuses' in config) return;
        for (const each of [method].flat()) routes.push(`${each} ${url}`);
      });
      registerServiceRoutes(target, { checks: overrides.checks ?? {}, metrics, log });
    },
    ...overrides,
  });
  const call = async (request: InjectOptions): Promise<LightMyRequestResponse> => {
    const response = await server.inject(request);
    assertDocumented(request, response);
    return response;
  };
  return { server, metrics, published, lines, routes, call };
}

/** Notes of one instance, in memory. */
export function memorySubmissions(): GatewayOptions['submissions'] {
  const notes = new Map<string, { readonly fingerprint: string; readonly isSent: boolean }>();
  return {
    begin: async (intentId, fingerprint) => {
      const noted = notes.get(intentId) ?? null;
      if (noted === null) notes.set(intentId, { fingerprint, isSent: false });
      return noted;
    },
    sent: async (intentId, fingerprint) => void notes.set(intentId, { fingerprint, isSent: true }),
  };
}

/** Routes of bots on an offline codec, and nothing behind them. */
export function testBots(sent: RecordToSend[] = []): GatewayOptions['bots'] {
  const codec = AvroCodec.offline({ subjects: BOT_RECORDS });
  const names = new TopicNames('');
  return {
    intake: new BotIntake({ codec, names, partitions: 4, partitionOf, source: 'http' }),
    publisher: { send: async (records) => void sent.push(...records) },
    reads: { report: async () => ({}), known: async () => [], chain: async () => [] },
  };
}

export function post(body: unknown, headers: Record<string, string> = {}): InjectOptions {
  const payload = typeof body === 'string' ? body : JSON.stringify(body);
  const given = { 'content-type': 'application/json', ...headers };
  return { method: 'POST', url: '/intents', payload, headers: given };
}

function capturedLog(): { log: Log; lines: () => readonly Record<string, unknown>[] } {
  const chunks: string[] = [];
  const destination = new Writable({
    write(chunk: Buffer, _, done) {
      chunks.push(chunk.toString());
      done();
    },
  });
  const log = createLog({ app: 'gateway', instanceId: '1', level: 'info', destination });
  return {
    log,
    lines: () =>
      chunks
        .join('')
        .split('\n')
        .filter((line) => line !== '')
        .map((line) => JSON.parse(line) as Record<string, unknown>),
  };
}

type Schema = Readonly<Record<string, unknown>>;
type Operation = {
  readonly responses: Record<string, { readonly content: Record<string, { schema: Schema }> }>;
};

const DOCUMENT = openApiDocument('1.2.3');
const COMPONENTS = (DOCUMENT['components'] as { schemas: Record<string, Schema> }).schemas;

/** Throws when an answer is not what the API document says of its path, method and status. */
function assertDocumented(request: InjectOptions, response: LightMyRequestResponse): void {
  const path = new URL(String(request.url), 'http://gateway').pathname;
  const found = Object.entries(DOCUMENT.paths).find(([template]) =>
    new RegExp(`^${template.replaceAll(/\{\w+\}/g, '[^/]+')}$`).test(path),
  );
  const operation = found?.[1][(request.method ?? 'GET').toLowerCase()] as Operation | undefined;
  if (operation === undefined) return;
  const where = `${request.method ?? 'GET'} ${path} ${response.statusCode}`;
  const documented = operation.responses[response.statusCode] ?? operation.responses['default'];
  const type = String(response.headers['content-type']).split(';')[0] ?? '';
  const content = documented?.content[type];
  if (content === undefined) throw new Error(`${where}: ${type} is not in the API document`);
  if (type.endsWith('json')) assertFits(content.schema, response.json(), where);
}

/** As much of JSON Schema as the API document uses. */
export function assertFits(schema: Schema, value: unknown, at: string): void {
  const fail = (why: string): never => {
    throw new Error(`${at}: ${JSON.stringify(value)} ${why}`);
  };
  if (typeof schema['$ref'] === 'string') {
    const name = schema['$ref'].split('/').at(-1) ?? '';
    return assertFits(COMPONENTS[name] ?? fail(`has no schema ${name}`), value, at);
  }
  for (const part of (schema['allOf'] ?? []) as Schema[]) assertFits(part, value, at);
  const types = [schema['type'] ?? []].flat();
  if (types.length > 0 && !types.some((type) => isOfType(type, value)))
    fail(`is no ${types.join()}`);
  if ('const' in schema && schema['const'] !== value) fail('is another constant');
  if (Array.isArray(schema['enum']) && !schema['enum'].includes(value)) fail('is not in the enum');
  if (typeof schema['pattern'] === 'string' && typeof value === 'string') {
    if (!new RegExp(schema['pattern']).test(value)) fail('misfits its pattern');
  }
  if (Array.isArray(value) && schema['items'] !== undefined) {
    for (const item of value) assertFits(schema['items'] as Schema, item, `${at}[]`);
  }
  if (isOfType('object', value)) assertMembers(schema, value as Record<string, unknown>, at, fail);
}

function assertMembers(
  schema: Schema,
  value: Record<string, unknown>,
  at: string,
  fail: (why: string) => never,
): void {
  const properties = (schema['properties'] ?? {}) as Record<string, Schema>;
  for (const name of (schema['required'] ?? []) as string[]) {
    if (!(name in value)) fail(`lacks ${name}`);
  }
  for (const [name, member] of Object.entries(value)) {
    const known = properties[name] ?? schema['additionalProperties'];
    if (known === false) fail(`has an unknown ${name}`);
    if (typeof known === 'object') assertFits(known as Schema, member, `${at}.${name}`);
  }
}

function isOfType(type: unknown, value: unknown): boolean {
  if (type === 'null') return value === null;
  if (type === 'array') return Array.isArray(value);
  if (type === 'integer') return Number.isInteger(value);
  if (type === 'object')
    return typeof value === 'object' && value !== null && !Array.isArray(value);
  return typeof value === type;
}
