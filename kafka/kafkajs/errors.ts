import { KafkaError } from '../client.ts';
import { canRetry, KAFKAJS_ERRORS, nameOf, SOCKET_CODES } from '../error-table.ts';

const CODES: ReadonlyMap<string, string> = new Map(
  KAFKAJS_ERRORS.map(([error, code]) => [error, code]),
);

/** Kafka's own name of the error where there is one, else the row of the library's class. */
export function codeOf(error: unknown, depth = 0): string {
  if (error instanceof KafkaError) return error.code;
  if (!(error instanceof Error) || depth > 8) return 'UNKNOWN';
  const { code, type } = error as { readonly code?: unknown; readonly type?: unknown };
  // A number is the broker's word. The library's own names of it are of old, so the table's count.
  if (typeof code === 'number' && typeof type === 'string') return nameOf(code);
  const known = CODES.get(error.name);
  if (known !== undefined && known !== 'UNKNOWN') return known;
  if (typeof code === 'string' && SOCKET_CODES.has(code)) return 'NETWORK';
  return codeOf(error.cause, depth + 1);
}

export function toKafkaError(error: unknown, doing: string): KafkaError {
  if (error instanceof KafkaError) return error;
  const code = codeOf(error);
  const reason = error instanceof Error ? error.message : String(error);
  const message = `${doing} failed: ${code} (${reason})`;
  return new KafkaError(code, canRetry(code), message, { cause: error });
}

/** Throws: KafkaError when the number in an answer is one of an error. */
export function failOn(errorCode: number, doing: string): void {
  if (errorCode === 0) return;
  const code = nameOf(errorCode);
  throw new KafkaError(code, canRetry(code), `${doing} failed: ${code}.`);
}
