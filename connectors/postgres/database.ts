import pg from 'pg';
import { StoreError, toStoreError } from './store-error.ts';

const POOL = {
  max: 8,
  connectionTimeoutMillis: 5_000,
  statement_timeout: 10_000,
  /** On this side, for a server that no longer answers; longer, so that the server's own comes first. */
  query_timeout: 12_000,
  /** A writer that vanished inside a transaction does not keep its positions locked for longer. */
  idle_in_transaction_session_timeout: 10_000,
  keepAlive: true,
};

/** Runs one statement in the transaction. */
export type Run = <Row extends pg.QueryResultRow>(
  text: string,
  values: readonly unknown[],
) => Promise<{ readonly rows: readonly Row[]; readonly rowCount: number }>;

/**
 * Connections to one Postgres, shared by all stores of a process.
 *
 * Limits: 8 connections; connecting 5 s, a statement 10 s.
 * Throws: StoreError from every method.
 */
export class Database {
  readonly #pool: pg.Pool;

  /** `reads`: Postgres itself refuses whatever would be written (B-13, B-40). */
  constructor(connectionString: string, access: 'writes' | 'reads' = 'writes') {
    const options = access === 'reads' ? { options: '-c default_transaction_read_only=on' } : {};
    this.#pool = new pg.Pool({ ...POOL, ...options, connectionString });
    // An idle connection that breaks is taken out of the pool; the next statement opens another.
    this.#pool.on('error', ignore);
  }

  /** `doing` says in an error what failed. */
  async query<Row extends pg.QueryResultRow>(
    doing: string,
    text: string,
    values: readonly unknown[] = [],
  ): Promise<readonly Row[]> {
    try {
      return (await this.#pool.query<Row>(text, [...values])).rows;
    } catch (error) {
      throw toStoreError(error, doing);
    }
  }

  /** The same of a statement that each connection plans once, and knows by its name from then on. */
  async prepared<Row extends pg.QueryResultRow>(
    doing: string,
    statement: { readonly name: string; readonly text: string },
    values: readonly unknown[],
  ): Promise<readonly Row[]> {
    try {
      return (await this.#pool.query<Row>({ ...statement, values: [...values] })).rows;
    } catch (error) {
      throw toStoreError(error, doing);
    }
  }

  /** All that `work` runs, or nothing. */
  async transaction<Result>(doing: string, work: (run: Run) => Promise<Result>): Promise<Result> {
    let client: pg.PoolClient | null = null;
    try {
      client = await this.#pool.connect();
      // The pool listens only while a client is idle; unheard, a break between two statements ends the process.
      client.on('error', ignore);
      const run = statementsOf(client);
      await run('BEGIN', []);
      const result = await work(run);
      await run('COMMIT', []);
      client.off('error', ignore);
      client.release();
      return result;
    } catch (error) {
      // Ending the connection rolls back, also where the server can no longer be told to.
      client?.release(true);
      throw toStoreError(error, doing);
    }
  }

  /** Throws: StoreError STORE_AWAY when Postgres does not answer within the time given. */
  async ping(timeoutMs: number): Promise<void> {
    const late = Promise.withResolvers<never>();
    const timer = setTimeout(() => {
      late.reject(
        new StoreError(
          'STORE_AWAY',
          `Postgres did not answer within ${timeoutMs} ms. See whether it runs and is overloaded.`,
        ),
      );
    }, timeoutMs);
    const answer = this.query('asking Postgres whether it is there', 'SELECT 1');
    try {
      await Promise.race([answer, late.promise]);
    } finally {
      clearTimeout(timer);
      answer.catch(ignore);
    }
  }

  /** Order: once, last; waits for statements under way. */
  async close(): Promise<void> {
    await this.#pool.end();
  }
}

function statementsOf(client: pg.PoolClient): Run {
  return async (text, values) => {
    const { rows, rowCount } = await client.query(text, [...values]);
    return { rows, rowCount: rowCount ?? 0 };
  };
}

function ignore(): void {}
