const WINDOW_MS = 60_000;
/** Callers remembered at once; the one that was quiet the longest is forgotten first. */
const MAX_CALLERS = 10_000;

/** What a caller may do: null when it may go on, else the seconds to wait. */
export type RateLimit = (caller: string) => number | null;

/**
 * At most `perMinute` calls in any 60 s, per caller and process; 0 is no limit. A refused call does not count.
 *
 * Limits: 10,000 callers; a time stamp per accepted call of the last minute.
 */
export function createRateLimit({
  perMinute,
  nowMs,
}: {
  readonly perMinute: number;
  readonly nowMs: () => number;
}): RateLimit {
  const calls = new Map<string, number[]>();
  if (perMinute === 0) return () => null;
  return (caller) => {
    const now = nowMs();
    const recent = (calls.get(caller) ?? []).filter((at) => now - at < WINDOW_MS);
    const [oldest] = recent;
    if (oldest !== undefined && recent.length >= perMinute) {
      return Math.ceil((oldest + WINDOW_MS - now) / 1000);
    }
    calls.delete(caller);
    calls.set(caller, [...recent, now]);
    const [quietest] = calls.keys();
    if (calls.size > MAX_CALLERS && quietest !== undefined) calls.delete(quietest);
    return null;
  };
}
