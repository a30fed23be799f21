import {
  GenericError,
  MultipleErrors,
  NetworkError,
  protocolErrorsCodesById,
  TimeoutError,
} from '@platformatic/kafka';
import { KafkaError } from '../client.ts';

export const UNKNOWN_TOPIC = 'UNKNOWN_TOPIC_OR_PARTITION';

/** The library's own code for wrong use; of a look-up of topics it means that there is no such topic. */
const WRONG_USE = 'PLT_KFK_USER';

/** Certainly not in the log (J3a); *_AUTHORIZATION_FAILED are matched by `isRefusal`. */
const REFUSALS: ReadonlySet<string> = new Set([
  'MESSAGE_TOO_LARGE',
  'RECORD_LIST_TOO_LARGE',
  'INVALID_RECORD',
  'INVALID_TIMESTAMP',
  'POLICY_VIOLATION',
]);

/** What neither time nor fresh metadata cures. Every other code may be tried again. */
const PERMANENT: ReadonlySet<string> = new Set([
  ...REFUSALS,
  'CLOSED',
  WRONG_USE,
  'PLT_KFK_UNSUPPORTED_API',
  'PLT_KFK_UNSUPPORTED_COMPRESSION',
  'PLT_KFK_UNSUPPORTED_FORMAT',
  'PLT_KFK_UNSUPPORTED',
  'PLT_KFK_AUTHENTICATION',
  'SASL_AUTHENTICATION_FAILED',
  'UNSUPPORTED_SASL_MECHANISM',
  'INVALID_TOPIC_EXCEPTION',
  'TOPIC_ALREADY_EXISTS',
  'INVALID_CONFIG',
  'INVALID_PARTITIONS',
  'INVALID_REPLICATION_FACTOR',
  'INVALID_REQUEST',
  'UNSUPPORTED_VERSION',
  'OFFSET_OUT_OF_RANGE',
  'FENCED_INSTANCE_ID',
]);

const SOCKET_CODES: ReadonlySet<string> = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'ECONNABORTED',
  'EPIPE',
  'ETIMEDOUT',
  'EHOSTUNREACH',
  'EHOSTDOWN',
  'ENETUNREACH',
  'ENOTFOUND',
  'EAI_AGAIN',
]);

export function isRefusal(code: string): boolean {
  return REFUSALS.has(code) || code.endsWith('_AUTHORIZATION_FAILED');
}

export function canRetry(code: string): boolean {
  return !PERMANENT.has(code) && !code.endsWith('_AUTHORIZATION_FAILED');
}

/** Kafka's name of the number in an answer. */
export function nameOf(errorCode: number): string {
  const names = protocolErrorsCodesById as Readonly<Record<number, string>>;
  return names[errorCode] ?? `ERROR_${errorCode}`;
}

/** Every error in a tree of aggregates and causes, outermost first. */
export function errorsWithin(error: unknown, depth = 0): readonly Error[] {
  if (!(error instanceof Error) || depth > 8) return [];
  const inner = error instanceof AggregateError ? (error.errors as unknown[]) : [];
  const all = [...inner, error.cause].flatMap((each) => errorsWithin(each, depth + 1));
  return [error, ...all];
}

/** Kafka's own name of the error where there is one, else CLOSED, TIMEOUT, NETWORK or the library's code. */
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
  return known === undefined ? 'UNKNOWN' : String((known as GenericError).code);
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
