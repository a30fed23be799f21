import type { AccessRequest, Authorize } from '../authorize.ts';

export type Action = AccessRequest['action'];

const ACTIONS: readonly Action[] = ['intent.submit', 'stream.read', 'bots.write'];

/** A caller, as API_KEYS_FILE has it. */
export interface ApiKey {
  /** What it says in X-Api-Key. */
  readonly id: string;
  /** What it signs with; in no log and no message. */
  readonly secret: string;
  /** What it may do besides reading intents, plans, histories and reports. */
  readonly may: ReadonlySet<Action>;
}

/** The file's first fault, without its secrets. */
export class ApiKeysError extends Error {
  override readonly name = 'ApiKeysError';
  readonly code = 'API_KEYS_INVALID';
  readonly reaction = 'stop';
}

const ID = /^[A-Za-z0-9._-]{1,64}$/;
/** Characters: as many as a SHA-256 has in hexadecimal digits would be 64; less than half of that is guessed. */
const MIN_SECRET_CHARS = 32;
const MAX_SECRET_CHARS = 1_024;
/** Callers of one file. */
const MAX_KEYS = 10_000;

/**
 * Reads `{"keys": [{"id", "secret", "may"}]}`. `may` lists intent.submit, stream.read, bots.write; absent: all of
 * them.
 *
 * Throws: ApiKeysError (stop) that names the place and the remedy.
 */
export function parseApiKeys(text: string): ReadonlyMap<string, ApiKey> {
  const listed = (parsed(text) as { readonly keys?: unknown } | null)?.keys;
  if (!Array.isArray(listed) || listed.length === 0 || listed.length > MAX_KEYS)
    throw new ApiKeysError(
      `keys is no list of 1 to ${MAX_KEYS}; write {"keys": [{"id": "…", "secret": "…"}]}`,
    );
  const keys = new Map<string, ApiKey>();
  for (const [index, value] of listed.entries()) {
    const key = keyOf(value, `keys[${index}]`);
    if (keys.has(key.id)) throw new ApiKeysError(`keys[${index}].id ${key.id} is there twice`);
    keys.set(key.id, key);
  }
  return keys;
}

/** Lets each caller do what its key says. */
export function authorizeByKey(keys: ReadonlyMap<string, ApiKey>): Authorize {
  return ({ action, apiKey }) => apiKey !== null && keys.get(apiKey)?.may.has(action) === true;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // What the parser says quotes the text, and with it secrets.
    throw new ApiKeysError('is not JSON; write {"keys": [{"id": "…", "secret": "…"}]}');
  }
}

function keyOf(value: unknown, where: string): ApiKey {
  const given = (typeof value === 'object' && value !== null ? value : {}) as Record<
    string,
    unknown
  >;
  const { id, secret, may = ACTIONS, ...unknown } = given;
  if (typeof id !== 'string' || !ID.test(id))
    throw new ApiKeysError(`${where}.id is not 1 to 64 of A-Z a-z 0-9 . _ -`);
  if (
    typeof secret !== 'string' ||
    secret.length < MIN_SECRET_CHARS ||
    secret.length > MAX_SECRET_CHARS
  )
    throw new ApiKeysError(
      `${where}.secret of ${id} is not a text of ${MIN_SECRET_CHARS} to ${MAX_SECRET_CHARS} characters; make one with: openssl rand -hex 32`,
    );
  if (!isActions(may))
    throw new ApiKeysError(`${where}.may of ${id} is no list of ${ACTIONS.join(', ')}`);
  const [extra] = Object.keys(unknown);
  if (extra !== undefined)
    throw new ApiKeysError(`${where} of ${id} has ${extra}, which nobody reads; take it out`);
  return { id, secret, may: new Set(may) };
}

function isActions(value: unknown): value is readonly Action[] {
  return Array.isArray(value) && value.every((each) => ACTIONS.includes(each as Action));
}
