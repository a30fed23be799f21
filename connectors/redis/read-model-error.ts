import { ReplyError } from 'ioredis';

/**
 * READ_MODEL_AWAY: Redis is not there or cannot do it now. READ_MODEL_REFUSED: it never will, such as for a key
 * of another type or a user without the right.
 */
export type ReadModelErrorCode = 'READ_MODEL_AWAY' | 'READ_MODEL_REFUSED';

/** What the read models in Redis throw. */
export class ReadModelError extends Error {
  override readonly name = 'ReadModelError';
  readonly code: ReadModelErrorCode;
  readonly reaction: 'retry' | 'stop';
  readonly canRetry: boolean;
  constructor(code: ReadModelErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
    this.canRetry = code === 'READ_MODEL_AWAY';
    this.reaction = this.canRetry ? 'retry' : 'stop';
  }
}

/** Error codes of Redis (the first word of an error reply, by its protocol) that pass by themselves. */
const PASSING = new Set([
  'BUSY',
  'LOADING',
  'MASTERDOWN',
  'MISCONF',
  'NOREPLICAS',
  'OOM',
  'READONLY',
  'TRYAGAIN',
]);

/** Maps what ioredis throws to ReadModelError. Errors of this program itself come back as they are. */
export function toReadModelError(error: unknown, doing: string): unknown {
  if (error instanceof ReadModelError || isDefect(error)) return error;
  const text = error instanceof Error ? error.message : String(error);
  if (error instanceof ReplyError && !PASSING.has(text.split(' ', 1)[0] ?? '')) {
    return new ReadModelError(
      'READ_MODEL_REFUSED',
      `${doing}: Redis refuses it (${text}). Check the user's rights, and that no one else writes here.`,
      { cause: error },
    );
  }
  return new ReadModelError(
    'READ_MODEL_AWAY',
    `${doing}: Redis cannot do it now (${text}). Start it or check REDIS_URL; work goes on when it is back.`,
    { cause: error },
  );
}

function isDefect(error: unknown): boolean {
  return error instanceof TypeError || error instanceof RangeError;
}
