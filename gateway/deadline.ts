/** Something did not settle in the time it was given. */
export class DeadlineError extends Error {
  override readonly name = 'DeadlineError';
  readonly code = 'DEADLINE_PASSED';
  readonly reaction = 'retry';
  readonly limitMs: number;

  constructor(what: string, limitMs: number) {
    super(`${what} did not answer within ${limitMs} ms; see whether it is up and reachable`);
    this.limitMs = limitMs;
  }
}

/**
 * Gives a promise a limit. What it stands for goes on; only the wait ends.
 *
 * Throws: DeadlineError (retry) after `limitMs`, else what the promise throws.
 */
export async function within<Value>(
  { what, limitMs }: { readonly what: string; readonly limitMs: number },
  promise: Promise<Value>,
): Promise<Value> {
  let timer: NodeJS.Timeout | undefined;
  const limit = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new DeadlineError(what, limitMs)), limitMs);
  });
  try {
    return await Promise.race([promise, limit]);
  } finally {
    clearTimeout(timer);
  }
}
