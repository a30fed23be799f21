/** Newest version of each actor's states, by task. */
export type VersionsByTask = Readonly<Record<number, Readonly<Record<string, number>>>>;

/**
 * Which versions of states the journals of tasks hold that this member has read: what it tells the group, so that a task
 * goes to nobody whose code is older, though the member that wrote it is gone (J5b).
 */
export class JournalVersions {
  readonly #own: ReadonlyMap<string, number>;
  readonly #found = new Map<number, Map<string, number>>();

  /** `own`: state version of each actor in this code. */
  constructor(own: ReadonlyMap<string, number>) {
    this.#own = own;
  }

  /**
   * A journal was read up to its end, and this code goes on with it if it may. True: it holds states that this code
   * cannot read, which was not known before.
   */
  note(partition: number, versions: ReadonlyMap<string, number>): boolean {
    const known = this.#found.get(partition) ?? new Map<string, number>();
    this.#found.set(partition, known);
    let isNews = false;
    for (const [actor, version] of [...versions, ...this.#own]) {
      if (version <= (known.get(actor) ?? 1)) continue;
      known.set(actor, version);
      if (version > (this.#own.get(actor) ?? version)) isNews = true;
    }
    return isNews;
  }

  /** Without what is in its first version: anybody can read that. */
  get told(): VersionsByTask {
    const newer = [...this.#found].filter(([, versions]) => versions.size > 0);
    return Object.fromEntries(
      newer.map(([partition, versions]) => [partition, Object.fromEntries(versions)]),
    );
  }
}
