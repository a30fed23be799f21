/**
 * What can be wrong with an application's topics.
 *
 * - `lost`: an input or an output that must be there is not.
 * - `duplicate`: something took effect twice. A record published again with its origin is none: readers drop it.
 * - `reordered`: per key of a source, or per origin of an output, what comes later was taken first.
 * - `torn`: what was published, journaled, and kept as state disagree.
 */
export type AnomalyKind = 'lost' | 'duplicate' | 'reordered' | 'torn';

export interface Anomaly {
  readonly kind: AnomalyKind;
  /** Topic, partition and offset or place in the journal. */
  readonly where: string;
  readonly what: string;
}

/** Anomalies that are listed; all are counted. */
const LISTED = 100;

export class Findings {
  readonly counts: Record<AnomalyKind, number> = { lost: 0, duplicate: 0, reordered: 0, torn: 0 };
  readonly listed: Anomaly[] = [];

  add(kind: AnomalyKind, where: string, what: string): void {
    this.counts[kind] += 1;
    if (this.listed.length < LISTED) this.listed.push({ kind, where, what });
  }
}
