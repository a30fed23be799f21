import { GenericError, MultipleErrors, NetworkError, TimeoutError } from '@platformatic/kafka';
import { KafkaError } from '../client.ts';
import { canRetry, PLATFORMATIC_ERRORS, SOCKET_CODES } from '../error-table.ts';

export const UNKNOWN_TOPIC = 'UNKNOWN_TOPIC_OR_PARTITION';

const CODES: ReadonlyMap<string, string> = new Map(
  PLATFORMATIC_ERRORS.map(([error, code]) => [error, code]),
);

/** The library's own code for wrong use; of a look-up of topics it means that there is no such topic. */
const WRONG_USE = 'PLT_KFK_USER';

/** Every error in a tree of aggregates and causes, outermost first. */
export function errorsWithin(error: unknown, depth = 0): readonly Error[] {
  if (!(error instanceof Error) || depth > 8) return [];
  const inner = error instanceof AggregateError ? (error.errors as unknown[]) : [];
  const all = [...inner, error.cause].flatMap((each) => errorsWithin(each, depth + 1));
  return [error, ...all];
}

/** Kafka's own name of the error where there is one, else the row of the library's own. */
export function codeOf(error: unknown): string {
  if (error instanceof KafkaError) return error.code;
  const all = errorsWithin(error);
  const answered = answerOf(error);
  if (answered !== null) return answered;
  if (all.some((each) => (each as { readonly closed?: unknown }).closed === true)) return 'CLOSED';
  // A TimeoutError of this library carries the network's code, so the class is what tells them apart.
  if (all.some((each) => each instanceof TimeoutError)) return 'TIMEOUT';
  if (all.some((each) => each instanceof NetworkError || isSocketError(each))) return 'NETWORK';
  const known = all.find((each) => each instanceof GenericError || each instanceof MultipleErrors);
  return known === undefined ? 'UNKNOWN' : (CODES.get((known as GenericError).code) ?? 'UNKNOWN');
}

/** The first error that the broker itself has named; null: it said nothing. */
export function answerOf(error: unknown): string | null {
  for (const each of errorsWithin(error)) {
    const { apiId } = each as { readonly apiId?: unknown };
    if (typeof apiId === 'string') return apiId;
  }
  return null;
}

export function isFenced(error: unknown): boolean {
  return errorsWithin(error).some(
    (each) => (each as { readonly apiId?: unknown }).apiId === 'FENCED_INSTANCE_ID',
  );
}

export function toKafkaError(error: unknown, doing: string): KafkaError {
  if (error instanceof KafkaError) return error;
  const code = codeOf(error);
  const reason = error instanceof Error ? error.message : String(error);
  const message = `${doing} failed: ${code} (${reason})`;
  return new KafkaError(code, canRetry(code), message, { cause: error });
}

/** What a look-up of topics failed with: the cluster's word on a topic, or null where it was not asked. */
export function lookUpError(error: unknown, topics: readonly string[]): KafkaError | null {
  if (codeOf(error) !== WRONG_USE)
    return answerOf(error) === null ? null : toKafkaError(error, `looking up ${topics.join(', ')}`);
  const message = `There is no topic ${topics.join(', ')}. Create it: 'millrace topology apply'.`;
  return new KafkaError(UNKNOWN_TOPIC, true, message, { cause: error });
}

function isSocketError(error: Error): boolean {
  return SOCKET_CODES.has((error as NodeJS.ErrnoException).code ?? '');
}
