import {
  BaseError,
  type EIP1193RequestFn,
  type Hex,
  http,
  HttpRequestError,
  RpcRequestError,
  TimeoutError,
} from 'viem';
import { VenueError } from './venue.ts';

/** Of one request; a node that thinks longer counts as away. */
export const RPC_TIMEOUT_MS = 5_000;

/** What did not even reach the node: nobody can have acted on it. */
const NEVER_SENT: readonly string[] = ['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN', 'EHOSTUNREACH'];
const TOO_MANY_REQUESTS = 429;
const LIMIT_EXCEEDED = -32_005;

/** The node has answered, and the answer is an error. */
export class RpcRefusal extends Error {
  override readonly name = 'RpcRefusal';
  readonly code: number;
  /** What a reverted call returned; null when it is no such refusal. */
  readonly data: Hex | null;
  constructor(code: number, message: string, data: Hex | null) {
    super(message);
    this.code = code;
    this.data = data;
  }
}

/** The node has not answered, or nothing that can be read. */
export class RpcTrouble extends VenueError {
  /** Whether the request may have been carried out all the same. */
  readonly isUnclear: boolean;
  constructor(
    code: 'RPC_AWAY' | 'RPC_TIMEOUT' | 'RPC_GARBAGE',
    message: string,
    isUnclear: boolean,
  ) {
    super(code, message);
    this.isUnclear = isUnclear;
  }
}

/**
 * JSON-RPC to one node, by HTTP. No request is repeated here: who asked knows whether it may be.
 *
 * Throws: RpcRefusal, RpcTrouble; no message has more of the URL than its host, for a path may hold a key.
 */
export class ChainRpc {
  readonly #host: string;
  readonly #timeoutMs: number;
  readonly #request: EIP1193RequestFn;

  constructor(url: string, timeoutMs = RPC_TIMEOUT_MS) {
    this.#host = new URL(url).host;
    this.#timeoutMs = timeoutMs;
    this.#request = http(url, { retryCount: 0, timeout: timeoutMs, fetchFn: fetchText })(
      {},
    ).request;
  }

  async request(
    method: string,
    params: readonly unknown[],
    signal?: AbortSignal,
  ): Promise<unknown> {
    signal?.throwIfAborted();
    try {
      return await this.#request(
        { method, params },
        { retryCount: 0, ...(signal === undefined ? {} : { signal }) },
      );
    } catch (error) {
      signal?.throwIfAborted();
      throw this.#judged(method, error);
    }
  }

  /** Units: what the node writes as 0x…. Throws: RpcTrouble RPC_GARBAGE for anything else. */
  async quantity(method: string, params: readonly unknown[], signal?: AbortSignal) {
    const answer = await this.request(method, params, signal);
    if (typeof answer === 'string' && /^0x[0-9a-f]+$/i.test(answer)) return BigInt(answer);
    throw this.garbage(method, answer);
  }

  /** What the node says has not the shape of an answer. */
  garbage(method: string, answer: unknown): RpcTrouble {
    const text = (JSON.stringify(answer) ?? String(answer)).slice(0, 100);
    const message = `${method}: ${this.#host} answered ${text}, which is no answer to it; look at the node`;
    return new RpcTrouble('RPC_GARBAGE', message, true);
  }

  #judged(method: string, error: unknown): RpcRefusal | RpcTrouble {
    if (error instanceof RpcTrouble) return error;
    const refused = found(error, RpcRequestError);
    if (refused !== null && refused.code !== LIMIT_EXCEEDED)
      return new RpcRefusal(refused.code, refused.details, revertData(refused.data));
    const where = `${method}: ${this.#host}`;
    if (found(error, TimeoutError) !== null) {
      const message = `${where} did not answer within ${this.#timeoutMs} ms; look at the node`;
      return new RpcTrouble('RPC_TIMEOUT', message, true);
    }
    const status = found(error, HttpRequestError)?.status ?? null;
    if (status === null && causes(error).some((each) => each instanceof SyntaxError))
      return this.garbage(method, 'something else than JSON');
    const code = networkCode(error);
    const never =
      refused !== null ||
      status === TOO_MANY_REQUESTS ||
      (code !== null && NEVER_SENT.includes(code));
    const how = refused !== null ? 'too many requests' : (code ?? `status ${status ?? 'none'}`);
    const message = `${where} cannot be used (${how}); start the node, or set ETH_RPC_URL to another`;
    return new RpcTrouble('RPC_AWAY', message, !never);
  }
}

/** What comes with an error status is read as text: a gateway may call anything JSON, and then the status is lost. */
async function fetchText(input: string | URL | Request, init?: RequestInit): Promise<Response> {
  const response = await fetch(input, init);
  if (response.ok) return response;
  const { status, statusText } = response;
  return new Response(await response.text(), { status, statusText });
}

type ErrorClass<Kind> = abstract new (...args: never[]) => Kind;

function found<Kind>(error: unknown, kind: ErrorClass<Kind>): Kind | null {
  if (error instanceof kind) return error;
  if (!(error instanceof BaseError)) return null;
  return error.walk((each) => each instanceof kind) as Kind | null;
}

function causes(error: unknown): readonly Error[] {
  const all: Error[] = [];
  for (let each = error; each instanceof Error; each = each.cause) all.push(each);
  return all;
}

/** The system's name for what went wrong with the connection, somewhere down the causes. */
function networkCode(error: unknown): string | null {
  const codes = causes(error).map((each) => (each as { readonly code?: unknown }).code);
  const isName = (code: unknown): code is string =>
    typeof code === 'string' && /^E[A-Z_]+$|^UND_ERR/.test(code);
  return codes.find(isName) ?? null;
}

/** Nodes put it at different depths. */
function revertData(data: unknown): Hex | null {
  if (typeof data === 'string' && data.startsWith('0x')) return data as Hex;
  const inner = (data as { readonly data?: unknown } | null | undefined)?.data;
  return typeof inner === 'string' && inner.startsWith('0x') ? (inner as Hex) : null;
}
