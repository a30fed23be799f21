/**
 * What a failure says: `retry`: may go well next time; `final`: never will, the ladder is left at once;
 * `target-down`: the target was not reached, so no attempt is counted and its circuit decides when to try again.
 */
export type FailureKind = 'retry' | 'final' | 'target-down';

/**
 * How an effect failed. Performers throw it; any other error counts as `retry`, its `code` (string), if it has one,
 * as the code.
 */
export class EffectFailure extends Error {
  override readonly name = 'EffectFailure';
  readonly code: string;
  readonly kind: FailureKind;

  constructor(code: string, message: string, kind: FailureKind = 'retry') {
    super(message);
    this.code = code;
    this.kind = kind;
  }
}

/** What becomes of an error that a performer threw. */
export function failureOf(error: unknown): { code: string; reason: string; kind: FailureKind } {
  const reason = error instanceof Error ? error.message : String(error);
  const { code, kind } = (error ?? {}) as { readonly code?: unknown; readonly kind?: unknown };
  return {
    code: typeof code === 'string' ? code : 'EFFECT_FAILED',
    reason,
    kind: kind === 'final' || kind === 'target-down' ? kind : 'retry',
  };
}
