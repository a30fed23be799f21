import pg from 'pg';

/**
 * STORE_AWAY: nothing to do with what was asked; the same may work later.
 * POSITION_TAKEN: another writer has moved a partition's position.
 * INVALID: Postgres can never take this, however often it is tried.
 */
export type StoreErrorCode = 'STORE_AWAY' | 'POSITION_TAKEN' | 'INVALID';
export type StoreReaction = 'retry' | 'stop' | 'dead-letter';

export interface StoreErrorDetails extends ErrorOptions {
  readonly eventIds?: readonly string[];
}

/** What the event store throws; tells apart what may be tried again from what never will work. */
export class StoreError extends Error {
  override readonly name = 'StoreError';
  readonly code: StoreErrorCode;
  readonly reaction: StoreReaction;
  readonly canRetry: boolean;
  /** Of INVALID: the events that cannot be stored, where they are known. The others of the batch can. */
  readonly eventIds: readonly string[];

  constructor(code: StoreErrorCode, message: string, details: StoreErrorDetails = {}) {
    super(message, details);
    this.code = code;
    this.canRetry = code === 'STORE_AWAY';
    this.eventIds = details.eventIds ?? [];
    this.reaction = this.canRetry ? 'retry' : this.eventIds.length > 0 ? 'dead-letter' : 'stop';
  }
}

/**
 * SQLSTATE classes (their first two characters), and single states, that speak of the server and not of the
 * statement: connection, rolled back by conflict, out of resources, operator, system error, read-only standby,
 * lock not available, ended while idle in a transaction.
 *
 * Source: PostgreSQL manual, appendix A.
 */
const AWAY_CLASSES = new Set(['08', '40', '53', '57', '58']);
const AWAY_STATES = new Set(['25006', '25P03', '55P03']);

/** Maps what pg throws to StoreError. Errors of this program itself come back as they are. */
export function toStoreError(error: unknown, doing: string): unknown {
  if (error instanceof StoreError || isDefect(error)) return error;
  const details = { cause: error };
  if (!(error instanceof pg.DatabaseError)) {
    return new StoreError(
      'STORE_AWAY',
      `${doing}: Postgres cannot be reached (${reason(error)}). ` +
        'Start it or check DATABASE_URL; work goes on when it is back.',
      details,
    );
  }
  const state = error.code ?? 'no SQLSTATE';
  if (AWAY_STATES.has(state) || AWAY_CLASSES.has(state.slice(0, 2))) {
    return new StoreError(
      'STORE_AWAY',
      `${doing}: Postgres cannot do it now (${state}, ${error.message}). Try again.`,
      details,
    );
  }
  return new StoreError(
    'INVALID',
    `${doing}: Postgres refuses it (${state}, ${error.message}). ` +
      'Check that all migrations are applied and what this user may do.',
    details,
  );
}

function isDefect(error: unknown): boolean {
  return error instanceof TypeError || error instanceof RangeError;
}

function reason(error: unknown): string {
  const { code } = error as { code?: unknown };
  if (typeof code === 'string') return code;
  return error instanceof Error ? error.message : String(error);
}
