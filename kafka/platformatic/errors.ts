import { GenericError, MultipleErrors, NetworkError, TimeoutError } from '@platformatic/kafka';
import { KafkaError } from '../client.ts';

/** Certainly not in the log (J3a); *_AUTHORIZATION_FAILED are matched by `isRefusal`. */
const REFUSALS: ReadonlySet<string> = new Set([
  'MESSAGE_TOO_LARGE',
  'RECORD_LIST_TOO_LARGE',
  'INVALID_RECORD',
  'INVALID_TIMESTAMP',
  'POLICY_VIOLATION',
]);

export function isRefusal(code: string): boolean {
  return REFUSALS.has(code) || code.endsWith('_AUTHORIZATION_FAILED');
}

/** Every error in a tree of aggregates and causes, outermost first. */
export function errorsWithin(error: unknown, depth = 0): readonly Error[] {
  if (!(error instanceof Error) || depth > 8) return [];
  const inner = error instanceof AggregateError ? (error.errors as unknown[]) : [];
  const all = [...inner, error.cause].flatMap((each) => errorsWithin(each, depth + 1));
  return [error, ...all];
}

/** Kafka's own name of the error where there is one, else NETWORK, TIMEOUT or the client's code. */
export function codeOf(error: unknown): string {
  const all = errorsWithin(error);
  for (const each of all) {
    const { apiId } = each as { readonly apiId?: unknown };
    if (typeof apiId === 'string') return apiId;
  }
  // A TimeoutError of this client carries the network code, so the class is what tells them apart.
  if (all.some((each) => each instanceof TimeoutError)) return 'TIMEOUT';
  if (all.some((each) => each instanceof NetworkError || isSocketError(each))) return 'NETWORK';
  const known = all.find((each) => each instanceof GenericError || each instanceof MultipleErrors);
  return known === undefined ? 'UNKNOWN' : String((known as GenericError).code);
}

/** What of Kafka's errors passes by itself, or after the metadata was read anew. */
const PERMANENT: ReadonlySet<string> = new Set([
  'PLT_KFK_USER',
  'PLT_KFK_UNSUPPORTED_API',
  'PLT_KFK_UNSUPPORTED_COMPRESSION',
  'PLT_KFK_AUTHENTICATION',
  'INVALID_TOPIC_EXCEPTION',
  'TOPIC_ALREADY_EXISTS',
  'INVALID_CONFIG',
  'INVALID_PARTITIONS',
  'INVALID_REPLICATION_FACTOR',
  'INVALID_REQUEST',
  'UNSUPPORTED_VERSION',
  'OFFSET_OUT_OF_RANGE',
]);

export function toKafkaError(error: unknown, doing: string): KafkaError {
  if (error instanceof KafkaError) return error;
  const code = codeOf(error);
  const canRetry = !PERMANENT.has(code) && !code.endsWith('_AUTHORIZATION_FAILED');
  const reason = error instanceof Error ? error.message : String(error);
  return new KafkaError(code, canRetry, `${doing} failed: ${code} (${reason})`, { cause: error });
}

function isSocketError(error: Error): boolean {
  const { code } = error as NodeJS.ErrnoException;
  return code !== undefined && /^E(CONN|PIPE|TIMEDOUT|HOST|NET|NOTFOUND|AI_AGAIN)/.test(code);
}
