/** What went wrong, one meaning each. */
export type BotErrorCode =
  /** The event breaks a rule; `problem` names the field. Nothing was buffered. */
  | 'INVALID_EVENT'
  /** An option of `open` is missing or wrong. */
  | 'INVALID_OPTION'
  /** `child` was given no event to follow. */
  | 'NO_UPSTREAM'
  /** No room for the event, within the limit of the policy. Nothing was buffered. */
  | 'BUFFER_FULL'
  /** Emitted after `close`. Nothing was buffered. */
  | 'CLOSED'
  /** Closed before the broker acknowledged; with a spool the next start sends it. */
  | 'NOT_CONFIRMED'
  /** `flush` ended with events not acknowledged yet; they are still being sent. */
  | 'NOT_FLUSHED'
  /** Another process uses the spool's folder. */
  | 'SPOOL_IN_USE'
  /** The spool's folder cannot be read or written. */
  | 'SPOOL_FAILED';

/** What is wrong with one field. */
export interface FieldProblem {
  /** Where it is: `ts_utc`, `payload.price`; empty: the event as a whole. */
  readonly field: string;
  /** Of the rules: REQUIRED, NOT_A_DECIMAL, … */
  readonly code: string;
  readonly message: string;
}

/** The one error that the SDK throws. Message: what failed, with values, then the remedy. */
export class BotError extends Error {
  override readonly name = 'BotError';
  readonly code: BotErrorCode;
  /** Of INVALID_EVENT: the first field that is wrong, in the order of the rules. */
  readonly problem: FieldProblem | null;

  constructor(
    code: BotErrorCode,
    message: string,
    options: ErrorOptions & { readonly problem?: FieldProblem } = {},
  ) {
    super(message, options);
    this.code = code;
    this.problem = options.problem ?? null;
  }
}
