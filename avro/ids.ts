import { monotonicFactory } from 'ulid';

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[1-8][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/i;
const ULID = /^[0-7][0-9A-HJKMNP-TV-Z]{25}$/;
const CORRELATION_PREFIX = 'intent-';
const RANDOM_RANGE = 2 ** 32;

export class IdError extends Error {
  override readonly name = 'IdError';
  readonly code: 'NOT_AN_ID' | 'NOT_A_CORRELATION_ID';
  constructor(code: IdError['code'], message: string) {
    super(message);
    this.code = code;
  }
}

/** RFC 9562, versions 1 to 8. */
export function isUuid(text: string): boolean {
  return UUID.test(text);
}

/** 26 characters of Crockford's base 32, upper case. */
export function isUlid(text: string): boolean {
  return ULID.test(text);
}

/** Throws: IdError NOT_AN_ID. Source: B-22. */
export function newCorrelationId(intentId: string): string {
  if (isUuid(intentId) || isUlid(intentId)) return CORRELATION_PREFIX + intentId;
  throw new IdError(
    'NOT_AN_ID',
    `an intent's id is a UUID or a ULID, not ${JSON.stringify(intentId)}`,
  );
}

/** The intent's id in a correlation id. Throws: IdError NOT_A_CORRELATION_ID. Source: B-22. */
export function parseCorrelationId(correlationId: string): string {
  const intentId = correlationId.slice(CORRELATION_PREFIX.length);
  const fits = correlationId.startsWith(CORRELATION_PREFIX);
  if (fits && (isUuid(intentId) || isUlid(intentId))) return intentId;
  throw new IdError(
    'NOT_A_CORRELATION_ID',
    `a trading correlation id is intent-<UUID or ULID>, not ${JSON.stringify(correlationId)}`,
  );
}

/** Gives ULIDs that sort in the order in which they were taken, also within a millisecond. */
export interface UlidGenerator {
  next(): string;
}

/**
 * Order: one generator per process and purpose; two generators promise nothing to each other. A clock that
 * goes backwards does not disturb it.
 * Units: `clock` in milliseconds; `random` in [0, 1).
 * Source: B-02.
 */
export function createUlidGenerator(
  clock: () => number = Date.now,
  random: () => number = secureRandom,
): UlidGenerator {
  const next = monotonicFactory(random);
  return { next: () => next(clock()) };
}

function secureRandom(): number {
  const [value = 0] = crypto.getRandomValues(new Uint32Array(1));
  return value / RANDOM_RANGE;
}
