import type { Timed } from '../chain/load.ts';

/** An input that was sent while a member was away. `partition`: where it went. */
export type Sent = Timed & { readonly partition: number };

/** Units: ms after the kill; null: it did not come to it. */
export interface Milestones {
  /** The first output of an input that was due after the kill. */
  readonly firstMs: number | null;
  /** The same in the last of the partitions that came back. */
  readonly allMs: number | null;
  /** From here on no output is further behind its input than `CAUGHT_UP_MS`. */
  readonly caughtUpMs: number | null;
}

/** How far behind an output may be for its system to count as having caught up. */
export const CAUGHT_UP_MS = 250;

/** What the outputs say of a recovery. `killedAt`: on the clock of what was sent. */
export function milestonesOf(sent: readonly Sent[], killedAt: number): Milestones {
  const after = sent.filter(({ dueAt }) => dueAt > killedAt);
  const firsts = [...Map.groupBy(after, ({ partition }) => partition).values()].map((own) =>
    Math.min(...own.map(({ readAt }) => readAt)),
  );
  return {
    firstMs: since(killedAt, Math.min(...firsts)),
    allMs: since(killedAt, Math.max(...firsts)),
    caughtUpMs: since(killedAt, caughtUpAt(after)),
  };
}

/** When the last output that was late was read; nothing late: when the first was read. */
function caughtUpAt(after: readonly Sent[]): number {
  const late = after.filter(({ dueAt, readAt }) => readAt - dueAt > CAUGHT_UP_MS);
  if (late.length === after.length) return Number.NaN;
  if (late.length === 0) return Math.min(...after.map(({ readAt }) => readAt));
  return Math.max(...late.map(({ readAt }) => readAt));
}

function since(from: number, at: number): number | null {
  return Number.isFinite(at) ? Math.round(at - from) : null;
}
