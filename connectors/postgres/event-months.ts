import type { Database } from './database.ts';

/** Months that get partitions of their own, 20 years of them; rows of further months stand in events_other. */
const MAX_MONTHS = 240;
/** Days looked at before they are forgotten and looked at again; producers may write any time they like. */
const MAX_KNOWN_DAYS = 10_000;
/** Two months ahead at least, so that no coordinator has to run in a certain week. */
const DAYS_AHEAD = 62;
const DAY_MICROS = 86_400_000_000;

/**
 * The partitions of `events` by month, where it is no hypertable.
 *
 * Throws: StoreError from every method.
 * Source: docs/adr/026.
 */
export class EventMonths {
  readonly #database: Database;
  readonly #days = new Set<number>();

  constructor(database: Database) {
    this.#database = database;
  }

  /**
   * Makes what events of these times need; nothing for months that have been seen to.
   *
   * Order: outside of a transaction, before their rows.
   */
  async makeFor(times: Iterable<number>): Promise<void> {
    const days = new Set<number>();
    for (const micros of times) days.add(Math.floor(micros / DAY_MICROS));
    for (const day of days) if (!this.#days.has(day)) await this.#make(day);
  }

  /** Makes this month and those that follow soon. Returns how many were missing. */
  async keep(nowMicros: number): Promise<number> {
    const today = Math.floor(nowMicros / DAY_MICROS);
    let made = 0;
    for (const day of [today, today + DAYS_AHEAD / 2, today + DAYS_AHEAD])
      made += await this.#make(day);
    return made;
  }

  async #make(day: number): Promise<number> {
    const [row] = await this.#database.query<{ made: boolean }>(
      'making a partition of events',
      `SELECT (SELECT count(*) FROM pg_inherits WHERE inhparent = 'events'::regclass) < $2
         AND events_make_month(date '1970-01-01' + $1::int) AS made`,
      [day, MAX_MONTHS],
    );
    if (this.#days.size >= MAX_KNOWN_DAYS) this.#days.clear();
    this.#days.add(day);
    return row?.made === true ? 1 : 0;
  }
}
