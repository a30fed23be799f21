import { connect } from 'node:net';
import { expect } from 'vitest';
import WebSocket from 'ws';
import { ORDER } from '../e2e/system-client.ts';
import { assertFits } from '../unit/gateway-fixture.ts';

/** Values as JSON texts: what JSON.stringify would mend is sent as it stands here. */
const WRONG: readonly string[] = [
  ...['null', 'true', '1', '-0', '-0.0', '1e400', '{}', '[]', '[[["1"]]]'],
  ...[
    '""',
    '" "',
    '"-0"',
    '"-0.0"',
    '"-1"',
    '"+1"',
    '"1e3"',
    '"1E-3"',
    '"0x10"',
    '"01"',
    '".5"',
    '"1."',
  ],
  ...['"NaN"', '"Infinity"', '"١٢"', '"１"', '"1 000"', '"1,5"', '"1.5 "'],
  ...[
    '"ＷＥＴＨ"',
    '"\u202eHTEW"',
    '"W\\u0000"',
    '"ключ"',
    '"🜁"',
    '"\\ud800"',
    '"<b>"',
    '"../../etc"',
  ],
  ...[`"${'9'.repeat(40)}"`, `"0.${'1'.repeat(40)}"`, '9'.repeat(40), `"${'x'.repeat(10_000)}"`],
];
/** Whole bodies that are no intent. */
const NO_INTENT: readonly (string | Buffer)[] = [
  ...['', 'null', '[]', '"text"', '1', '-0', '{', '{}{}', '{"a":1,}', "{'a':1}", '\ufeff{}', 'NaN'],
  ...[
    '['.repeat(20_000),
    '{"a":'.repeat(5_000),
    `{"metadata":${'['.repeat(9_000)}${']'.repeat(9_000)}}`,
  ],
  ...[Buffer.from([0xff, 0xfe, 0x7b]), Buffer.from('{"strategyId":"\xff"}', 'latin1')],
];
const ODD_FIELDS = ['__proto__', 'constructor', 'a/b~c', 'ключ', '\u202e', '', 'x'.repeat(1_000)];

interface ProblemAnswer {
  readonly status: number;
  readonly type: string | null;
  readonly body: {
    readonly code: string;
    readonly detail: string;
    readonly errors: readonly { readonly field: string; readonly remedy: string }[];
  };
}

type Schema = Readonly<Record<string, unknown>>;

/** Sends a gateway all that it must refuse, and expects of each answer what a caller needs to mend it. */
export class BadInput {
  readonly #url: string;

  constructor(url: string) {
    this.#url = url;
  }

  async everything(): Promise<void> {
    await this.fields();
    await this.bodies();
    await this.largeBodies();
    await this.headers();
    await this.noHttp();
    await this.subscriptions();
  }

  /** Every documented field wrong in turn. */
  async fields(): Promise<void> {
    const document = (await (await fetch(`${this.#url}/openapi.json`)).json()) as {
      readonly components: { readonly schemas: Readonly<Record<string, Schema>> };
    };
    const { properties } = document.components.schemas['IntentRequest'] as {
      readonly properties: Readonly<Record<string, Schema>>;
    };
    expect(Object.keys(properties).sort()).toEqual([...Object.keys(ORDER), 'metadata'].sort());
    for (const [name, schema] of Object.entries(properties))
      for (const value of WRONG.filter((each) => !fits(schema, each))) {
        const { status, body } = await this.#post(bodyWith(name, value));
        const named = body.errors.map(({ field }) => field);
        expect([name, value.slice(0, 40), status, named]).toEqual([
          ...[name, value.slice(0, 40), 422],
          [`/${name}`],
        ]);
      }
    for (const name of ODD_FIELDS) {
      const { status, body } = await this.#post(bodyWith(name, '1'));
      const pointer = `/${name.replaceAll('~', '~0').replaceAll('/', '~1')}`;
      expect([status, body.errors.map(({ field }) => field)]).toEqual([422, [pointer]]);
    }
  }

  async bodies(): Promise<void> {
    for (const body of NO_INTENT) {
      const { status } = await this.#post(body);
      expect([status, String(body).slice(0, 40)]).toEqual([422, String(body).slice(0, 40)]);
    }
  }

  /** 10 MB, with and without its length said before. */
  async largeBodies(): Promise<void> {
    const body = Buffer.alloc(10_000_000, 0x20);
    const chunks = () =>
      new ReadableStream({
        start(controller) {
          for (let at = 0; at < body.length; at += 1_000_000)
            controller.enqueue(body.subarray(at, at + 1_000_000));
          controller.close();
        },
      });
    for (const path of ['/intents', '/bots/events'])
      for (const given of [body, chunks()]) {
        // A gateway that has answered may close before all of it is sent.
        const answer = await this.#post(given, {}, path).catch(() => null);
        expect([413, undefined]).toContain(answer?.status);
        if (answer !== null) expect(answer.body.code).toBe('BODY_TOO_LARGE');
      }
  }

  async headers(): Promise<void> {
    const sound = JSON.stringify(ORDER);
    const status = async (headers: Record<string, string>, path?: string): Promise<number> =>
      (await this.#post(sound, headers, path)).status;
    expect(await status({ 'content-type': 'text/plain' })).toBe(415);
    expect(await status({ 'content-type': 'application/xml' })).toBe(415);
    expect(await status({ 'idempotency-key': 'with space' })).toBe(400);
    expect(await status({ 'idempotency-key': 'x'.repeat(256) })).toBe(400);
    expect(await status({ 'x-big': 'x'.repeat(20_000) })).toBe(431);
    for (const position of ['x', 'intent-1@1', `intent-${crypto.randomUUID()}@-0`, '@']) {
      const headers = { 'x-millrace-position': position };
      const response = await fetch(`${this.#url}/intents/${crypto.randomUUID()}`, { headers });
      expect([position, response.status]).toEqual([position, 400]);
    }
    for (const id of ['x'.repeat(5_000), '%00', '%F0%9F%9C%81', '..%2f..%2f', '-0', '1e9'])
      for (const path of ['/intents', '/plans', '/lookup', '/page'])
        expect((await fetch(`${this.#url}${path}/${id}`)).status).toBe(404);
  }

  /** What never becomes a request. */
  async noHttp(): Promise<void> {
    for (const bytes of [
      'GARBAGE\r\n\r\n',
      'GET / HTTP/9.9\r\n\r\n',
      '\x16\x03\x01\x02\x00\x01\x00',
    ]) {
      const text = await this.#raw(bytes);
      expect(text).toMatch(/^HTTP\/1.1 400 /);
      expect(text).toContain('application/problem+json');
    }
  }

  /** A million topics, and messages that are none. */
  async subscriptions(): Promise<void> {
    const topics = Array.from({ length: 1_000_000 }, () => 'exec.*');
    expect(await this.#closed(JSON.stringify({ type: 'subscribe', topics }))).toBe(1009);
    const codes = await this.#refusals([
      ...['', 'null', '[]', '{}', '-0', '{"type":"subscribe"}', 'x'.repeat(1_000)],
      JSON.stringify({ type: 'subscribe', topics: ['exec.*'], correlationId: -0 }),
      JSON.stringify({ type: 'subscribe', topics: ['ключ.*'] }),
    ]);
    expect(new Set(codes)).toEqual(new Set(['BAD_MESSAGE']));
  }

  async #post(
    body: string | Buffer | ReadableStream,
    headers: Record<string, string> = {},
    path = '/intents',
  ): Promise<ProblemAnswer> {
    const isStream = body instanceof ReadableStream;
    const response = await fetch(`${this.#url}${path}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      body,
      ...(isStream ? { duplex: 'half' } : {}),
    } as RequestInit);
    const type = response.headers.get('content-type');
    const answer = { status: response.status, type, body: await response.json() } as ProblemAnswer;
    expect(answer.type).toContain('application/problem+json');
    expect(answer.body.detail).not.toBe('');
    for (const { remedy } of answer.body.errors) expect(remedy).not.toBe('');
    return answer;
  }

  #raw(bytes: string): Promise<string> {
    const { hostname, port } = new URL(this.#url);
    const { promise, resolve } = Promise.withResolvers<string>();
    const socket = connect(Number(port), hostname, () =>
      socket.write(Buffer.from(bytes, 'latin1')),
    );
    let text = '';
    socket.on('data', (data) => (text += data.toString()));
    socket.on('error', () => resolve(text));
    socket.on('close', () => resolve(text));
    return promise;
  }

  async #closed(message: string): Promise<number> {
    const socket = new WebSocket(`${this.#url.replace('http', 'ws')}/stream`);
    const { promise, resolve } = Promise.withResolvers<number>();
    socket.on('error', () => undefined);
    socket.on('open', () => socket.send(message, () => undefined));
    socket.on('close', (code) => resolve(code));
    return promise;
  }

  async #refusals(messages: readonly string[]): Promise<readonly string[]> {
    const socket = new WebSocket(`${this.#url.replace('http', 'ws')}/stream`);
    const { promise, resolve } = Promise.withResolvers<void>();
    const codes: string[] = [];
    socket.on('open', () => messages.forEach((message) => socket.send(message)));
    socket.on('message', (data) => {
      codes.push((JSON.parse(String(data)) as { code: string }).code);
      if (codes.length === messages.length) resolve();
    });
    await promise;
    socket.terminate();
    return codes;
  }
}

/** Whether the document takes a value, given as JSON, for a field. */
function fits(schema: Schema, value: string): boolean {
  try {
    const parsed: unknown = JSON.parse(value);
    if (typeof parsed === 'number' && schema['type'] === 'string') return false;
    assertFits(schema, parsed, 'value');
    return true;
  } catch {
    return false;
  }
}

function bodyWith(name: string, value: string): string {
  const others = Object.entries(ORDER)
    .filter(([each]) => each !== name)
    .map(([each, text]) => `${JSON.stringify(each)}:${JSON.stringify(text)}`);
  return `{${[...others, `${JSON.stringify(name)}:${value}`].join()}}`;
}
