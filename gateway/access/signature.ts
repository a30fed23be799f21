import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import { within } from '../deadline.ts';
import { Problem } from '../problem.ts';
import type { ApiKey } from './api-keys.ts';

/** Remembers nonces for every instance of the gateway. */
export interface Nonces {
  /**
   * True for the first who claims a nonce of a caller within `ttlMs`. Throws whatever the store throws while it is
   * away.
   */
  claim(caller: string, nonce: string, ttlMs: number): Promise<boolean>;
}

export interface SignatureOptions {
  /** By id. */
  readonly keys: ReadonlyMap<string, ApiKey>;
  readonly nonces: Nonces;
  readonly nowMs: () => number;
}

/** What is signed besides the headers of the signature itself. */
export interface SignedRequest {
  /** Upper case. */
  readonly method: string;
  /** Path and query as they were sent. */
  readonly target: string;
  readonly headers: IncomingHttpHeaders;
}

/** The headers of a signature, each of its form; who it is from is not known before `verify`. */
export interface Claim {
  readonly key: string;
  readonly timestamp: string;
  readonly nonce: string;
  readonly signature: Buffer;
}

/** Seconds that the clocks of caller and gateway may be apart. */
const MAX_SKEW_S = 300;
/** A nonce is kept until no time stamp that came with it is taken any more. */
const NONCE_MS = (2 * MAX_SKEW_S + 10) * 1_000;
const NONCE_LIMIT_MS = 2_000;
const RETRY_AFTER_SECONDS = 1;

const TIMESTAMP = /^\d{1,12}$/;
const NONCE = /^[A-Za-z0-9_-]{8,128}$/;
const SIGNATURE = /^[0-9a-f]{64}$/i;

/**
 * Checks who signed a request: hex HMAC-SHA256 over `timestamp\nnonce\nmethod\npath?query\nsha256hex(body)`.
 *
 * Throws: Problem UNSIGNED, WRONG_SIGNATURE, TIMESTAMP_OFF, NONCE_SEEN, ACCESS_AWAY.
 * Source: B-87, docs/reference/interfaces.md, Access.
 */
export class SignatureCheck {
  readonly #options: SignatureOptions;

  constructor(options: SignatureOptions) {
    this.#options = options;
  }

  /** What can be said before a body is read. */
  claimOf(headers: IncomingHttpHeaders): Claim {
    const key = oneOf(headers, 'x-api-key', /^.{1,64}$/, 'the id of your key');
    const timestamp = oneOf(headers, 'x-timestamp', TIMESTAMP, 'seconds since 1970');
    const nonce = oneOf(headers, 'x-nonce', NONCE, '8 to 128 of A-Z a-z 0-9 _ -, new each time');
    const digits = oneOf(headers, 'x-signature', SIGNATURE, '64 hexadecimal digits');
    const skewS = Math.abs(Number(timestamp) - this.#options.nowMs() / 1_000);
    if (skewS > MAX_SKEW_S)
      throw new Problem(
        'TIMESTAMP_OFF',
        `X-Timestamp is ${Math.round(skewS)} s from the gateway's clock, at most ${MAX_SKEW_S} are taken; set your clock and sign again`,
      );
    return { key, timestamp, nonce, signature: Buffer.from(digits, 'hex') };
  }

  /** The id of the key that signed. A nonce is claimed only by a right signature, so nobody can use up another's. */
  async verify(claim: Claim, { method, target }: SignedRequest, body: Uint8Array): Promise<string> {
    const key = this.#options.keys.get(claim.key);
    const text = signedText({ ...claim, method, target, body });
    const expected = createHmac('sha256', key?.secret ?? 'nobody')
      .update(text)
      .digest();
    // The same answer, after the same work, for a key that nobody has.
    if (!timingSafeEqual(expected, claim.signature) || key === undefined)
      throw new Problem(
        'WRONG_SIGNATURE',
        'X-Signature is not what X-Api-Key signs for this request; sign timestamp, nonce, method, path with query and the SHA-256 of the body, a line each',
      );
    if (await this.#isNew(key.id, claim.nonce)) return key.id;
    throw new Problem('NONCE_SEEN', 'X-Nonce has been used; sign again with a new one');
  }

  async #isNew(caller: string, nonce: string): Promise<boolean> {
    try {
      const claimed = this.#options.nonces.claim(caller, nonce, NONCE_MS);
      return await within({ what: 'the store of nonces', limitMs: NONCE_LIMIT_MS }, claimed);
    } catch (cause) {
      const detail =
        'It cannot be said whether X-Nonce was used before; send the request again in a moment, with a new one';
      throw new Problem('ACCESS_AWAY', detail, { cause, retryAfterSeconds: RETRY_AFTER_SECONDS });
    }
  }
}

/** What a caller signs, and the gateway after it. */
export function signedText(of: {
  readonly timestamp: string;
  readonly nonce: string;
  readonly method: string;
  readonly target: string;
  readonly body: Uint8Array;
}): string {
  const bodyHash = createHash('sha256').update(of.body).digest('hex');
  return [of.timestamp, of.nonce, of.method, of.target, bodyHash].join('\n');
}

function oneOf(headers: IncomingHttpHeaders, name: string, form: RegExp, what: string): string {
  const value = headers[name];
  if (typeof value === 'string' && form.test(value)) return value;
  const title = name.replaceAll(/\b[a-z]/g, (letter) => letter.toUpperCase());
  throw new Problem(
    'UNSIGNED',
    `${title} ${value === undefined ? 'is missing: it is' : 'is not'} ${what}. Sign the request, or ask the operator for a key`,
  );
}
