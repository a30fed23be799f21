import { setTimeout } from 'node:timers/promises';

export type RegistryErrorCode =
  /** No answer, or only errors of the server, within the attempts. */
  | 'AWAY'
  /** No such subject, version or schema id. */
  | 'NOT_FOUND'
  /** The subject's compatibility rule refuses the schema. */
  | 'INCOMPATIBLE'
  /** Another process made the same change at the same time. */
  | 'CONFLICT'
  | 'INVALID_SCHEMA'
  /** Any other answer outside 2xx. */
  | 'REFUSED';

export class RegistryError extends Error {
  override readonly name = 'RegistryError';
  readonly code: RegistryErrorCode;
  constructor(code: RegistryErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

export interface RegistryOptions {
  /** Base of the Confluent API: `http://127.0.0.1:18081/apis/ccompat/v7`. */
  readonly url: string;
  /** Of one request. Default 5,000. */
  readonly timeoutMs?: number;
  /** Tries of one request when the network fails; each waits 200 ms longer. Default 3. */
  readonly attempts?: number;
}

export type Compatibility =
  'NONE' | 'BACKWARD' | 'BACKWARD_TRANSITIVE' | 'FORWARD' | 'FULL' | 'FULL_TRANSITIVE';

const MEDIA_TYPE = 'application/vnd.schemaregistry.v1+json';
const RETRY_STEP_MS = 200;

/**
 * The few calls of the Confluent schema registry API that Millrace needs. Schemas go as JSON text.
 *
 * Limits: `timeoutMs` and `attempts` per call; nothing is kept between calls.
 * Throws: RegistryError.
 */
export class SchemaRegistry {
  readonly url: string;
  readonly #timeoutMs: number;
  readonly #attempts: number;

  constructor(options: RegistryOptions) {
    this.url = options.url.replace(/\/+$/, '');
    this.#timeoutMs = options.timeoutMs ?? 5_000;
    this.#attempts = options.attempts ?? 3;
  }

  /** Id of exactly this schema under the subject; null when it is not there. */
  async find(subject: string, schema: string): Promise<number | null> {
    const found = await this.#absent(
      this.#call('POST', `/subjects/${encodeURIComponent(subject)}`, { schema }),
    );
    return found === null ? null : idOf(found);
  }

  /** Adds the schema as the subject's newest version, if it is not there. Returns its id. */
  async register(subject: string, schema: string): Promise<number> {
    const path = `/subjects/${encodeURIComponent(subject)}/versions`;
    return idOf(await this.#call('POST', path, { schema }, subject));
  }

  /** Whether the schema may follow the subject's newest version; the reasons when it may not. */
  async check(
    subject: string,
    schema: string,
  ): Promise<{ readonly compatible: boolean; readonly reasons: readonly string[] }> {
    const path = `/compatibility/subjects/${encodeURIComponent(subject)}/versions/latest?verbose=true`;
    const answer = await this.#absent(this.#call('POST', path, { schema }));
    if (answer === null) return { compatible: true, reasons: [] };
    const { is_compatible, messages, reason } = answer as {
      is_compatible?: boolean;
      messages?: readonly string[];
      reason?: string;
    };
    const reasons = messages ?? (reason === undefined ? [] : [reason]);
    return { compatible: is_compatible === true, reasons };
  }

  /** Newest schema of the subject; null when there is no such subject. */
  async latest(subject: string): Promise<{ readonly id: number; readonly schema: string } | null> {
    const path = `/subjects/${encodeURIComponent(subject)}/versions/latest`;
    const answer = await this.#absent(this.#call('GET', path));
    return answer === null ? null : { id: idOf(answer), schema: textOf(answer) };
  }

  /** Text of the Avro schema with this id. Throws: NOT_FOUND; INVALID_SCHEMA when it is not Avro. */
  async schemaById(id: number): Promise<string> {
    const answer = (await this.#call('GET', `/schemas/ids/${id}`)) as { schemaType?: string };
    const type = answer.schemaType ?? 'AVRO';
    if (type === 'AVRO') return textOf(answer);
    throw new RegistryError('INVALID_SCHEMA', `schema ${id} is ${type}; only AVRO can be read`);
  }

  async subjects(): Promise<readonly string[]> {
    return (await this.#call('GET', '/subjects')) as readonly string[];
  }

  /** The subject's own rule; null when it has none. */
  async compatibility(subject: string): Promise<string | null> {
    const path = `/config/${encodeURIComponent(subject)}`;
    const answer = (await this.#absent(this.#call('GET', path))) as {
      readonly compatibilityLevel?: string;
      readonly compatibility?: string;
    } | null;
    const level = answer?.compatibilityLevel ?? answer?.compatibility ?? 'NONE';
    return level === 'NONE' ? null : level;
  }

  /** Sets the rule for new versions of one subject, or of all that have none of their own. */
  async setCompatibility(level: Compatibility, subject?: string): Promise<void> {
    const path = subject === undefined ? '/config' : `/config/${encodeURIComponent(subject)}`;
    await this.#call('PUT', path, { compatibility: level });
  }

  /** Throws: RegistryError AWAY. */
  async ping(): Promise<void> {
    await this.#call('GET', '/config');
  }

  async #absent(call: Promise<unknown>): Promise<unknown> {
    try {
      return await call;
    } catch (error) {
      if (error instanceof RegistryError && error.code === 'NOT_FOUND') return null;
      throw error;
    }
  }

  async #call(method: string, path: string, body?: unknown, subject?: string): Promise<unknown> {
    const { status, text } = await this.#fetch(method, path, body);
    const url = `${this.url}${path}`;
    if (status >= 300) throw refusal(method, url, status, messageOf(text), subject);
    try {
      return JSON.parse(text) as unknown;
    } catch (cause) {
      const said = `${method} ${url} was answered with no JSON: ${text.slice(0, 200)}`;
      throw new RegistryError('REFUSED', `${said}; is SCHEMA_REGISTRY_URL right?`, { cause });
    }
  }

  async #fetch(
    method: string,
    path: string,
    body: unknown,
  ): Promise<{ readonly status: number; readonly text: string }> {
    const init: RequestInit = {
      method,
      headers: { accept: `${MEDIA_TYPE}, application/json`, 'content-type': MEDIA_TYPE },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    };
    for (let attempt = 1; ; attempt++) {
      try {
        const signal = AbortSignal.timeout(this.#timeoutMs);
        const response = await fetch(`${this.url}${path}`, { ...init, signal });
        return { status: response.status, text: await response.text() };
      } catch (error) {
        if (attempt >= this.#attempts) throw away(`${this.url}${path}`, attempt, error);
        await setTimeout(RETRY_STEP_MS * attempt);
      }
    }
  }
}

function away(url: string, attempts: number, cause: unknown): RegistryError {
  const inner = cause instanceof Error ? (cause.cause ?? cause) : cause;
  const { code, message } = inner as { code?: unknown; message?: string };
  const why = typeof code === 'string' ? code : (message ?? String(inner));
  return new RegistryError(
    'AWAY',
    `no answer from ${url} in ${attempts} attempts: ${why}; ` +
      'start the schema registry (millrace stack start registry) or correct SCHEMA_REGISTRY_URL',
    { cause },
  );
}

function refusal(
  method: string,
  url: string,
  status: number,
  reason: string,
  subject?: string,
): RegistryError {
  const said = `${method} ${url} was answered ${status}: ${reason}`;
  if (status === 404) return new RegistryError('NOT_FOUND', said);
  if (status === 409 && subject === undefined) return new RegistryError('CONFLICT', said);
  if (status === 409) {
    return new RegistryError(
      'INCOMPATIBLE',
      `subject ${subject} refuses the schema: ${reason}; ` +
        'add fields with a default, or give the record a new name',
    );
  }
  if (status === 422) return new RegistryError('INVALID_SCHEMA', said);
  if (status >= 500) return new RegistryError('AWAY', said);
  return new RegistryError('REFUSED', said);
}

function messageOf(text: string): string {
  try {
    const { message } = JSON.parse(text) as { message?: string };
    return message ?? text;
  } catch {
    return text.slice(0, 500);
  }
}

function idOf(answer: unknown): number {
  const { id } = answer as { id?: unknown };
  if (typeof id === 'number') return id;
  throw new RegistryError('REFUSED', `the answer carries no schema id: ${JSON.stringify(answer)}`);
}

function textOf(answer: unknown): string {
  const { schema } = answer as { schema?: unknown };
  if (typeof schema === 'string') return schema;
  throw new RegistryError('REFUSED', `the answer carries no schema: ${JSON.stringify(answer)}`);
}
