import { CodecError } from '../engine/codec.ts';
import { EngineError } from '../engine/errors.ts';
import { KafkaError } from './client.ts';

/**
 * Counts terms in a row that ended with an error that nothing here names: a fault of ours. Taking the task again may
 * help once; for ever it would only fill the journal with fences.
 */
export class UnknownErrors {
  readonly #most: number;
  #inARow = 0;

  constructor(most: number) {
    this.#most = most;
  }

  /** What stops the task; null: it may be taken again. `isNew`: the term before has done its work for a while. */
  judge(error: unknown, isNew: boolean): EngineError | null {
    if (isNew || isKnown(error)) this.#inARow = 0;
    if (isKnown(error)) return null;
    this.#inARow += 1;
    if (this.#inARow < this.#most) return null;
    const reason = error instanceof Error ? error.message : String(error);
    return new EngineError(
      'UNEXPECTED',
      'stop',
      `${this.#inARow} terms in a row ended with an error that the engine does not know, the last with ` +
        `'${reason}'. Deploy a fix, or report it with the log; then start the process again. Nothing is lost.`,
      { cause: error },
    );
  }
}

function isKnown(error: unknown): boolean {
  return (
    error === null ||
    error instanceof EngineError ||
    error instanceof KafkaError ||
    error instanceof CodecError
  );
}
