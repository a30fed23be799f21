import type { FastifyReply } from 'fastify';

/** One failing field of a body. */
export interface FieldError {
  /** JSON pointer; empty: the body as a whole. */
  readonly field: string;
  readonly code: string;
  readonly message: string;
  readonly remedy: string;
}

/** Every error that the gateway answers with: its status and its title. The API document lists the same. */
export const PROBLEMS = {
  VALIDATION_FAILED: { status: 422, title: 'There are fields that cannot be used' },
  MALFORMED_JSON: { status: 422, title: 'The body is not JSON' },
  BODY_TOO_LARGE: { status: 413, title: 'The body is too large' },
  UNSUPPORTED_MEDIA_TYPE: {
    status: 415,
    title: 'The body has another type than the resource takes',
  },
  HEADERS_TOO_LARGE: { status: 431, title: 'The headers are too large' },
  REQUEST_TIMEOUT: { status: 408, title: 'The request did not come in time' },
  BAD_REQUEST: { status: 400, title: 'The request cannot be read' },
  UNSIGNED: { status: 401, title: 'The request is not signed' },
  WRONG_SIGNATURE: { status: 401, title: 'The signature is wrong' },
  TIMESTAMP_OFF: { status: 401, title: 'The time of the signature is too far from now' },
  NONCE_SEEN: { status: 401, title: 'The signature has been used' },
  FORBIDDEN: { status: 403, title: 'The request is not allowed' },
  NOT_FOUND: { status: 404, title: 'There is no such resource' },
  UNKNOWN_INTENT: { status: 404, title: 'There is no such intent' },
  UNKNOWN_PLAN: { status: 404, title: 'There is no such plan' },
  UNKNOWN_STRATEGY: { status: 404, title: 'There is no such strategy' },
  UNKNOWN_ID: { status: 404, title: 'There is nothing with this id' },
  UNKNOWN_CORRELATION: { status: 404, title: 'There is no such correlation' },
  METHOD_NOT_ALLOWED: { status: 405, title: 'The resource does not take this method' },
  UPGRADE_REQUIRED: { status: 426, title: 'The resource is a WebSocket' },
  IDEMPOTENCY_CONFLICT: { status: 409, title: 'The key was used for another intent' },
  RATE_LIMITED: { status: 429, title: 'Too many intents' },
  BROKER_AWAY: { status: 503, title: 'The broker did not acknowledge what was sent' },
  READ_MODEL_AWAY: { status: 503, title: 'The read models cannot be reached' },
  STORE_AWAY: { status: 503, title: 'The event store cannot be reached' },
  ACCESS_AWAY: { status: 503, title: 'What has to be known of the request cannot be looked up' },
  POSITION_NOT_REACHED: { status: 504, title: 'The position cannot be read yet' },
  INTERNAL_ERROR: { status: 500, title: 'The gateway failed' },
} as const;

export type ProblemCode = keyof typeof PROBLEMS;

export interface ProblemOptions extends ErrorOptions {
  readonly errors?: readonly FieldError[];
  /** Becomes the header Retry-After. */
  readonly retryAfterSeconds?: number;
}

/** Thrown by a route in place of an answer. Shape on the wire: RFC 9457, see docs/reference/interfaces.md. */
export class Problem extends Error {
  override readonly name = 'Problem';
  readonly code: ProblemCode;
  readonly reaction = 'answer';
  readonly errors: readonly FieldError[];
  readonly retryAfterSeconds: number | null;

  constructor(code: ProblemCode, detail: string, options: ProblemOptions = {}) {
    super(detail, options);
    this.code = code;
    this.errors = options.errors ?? [];
    this.retryAfterSeconds = options.retryAfterSeconds ?? null;
  }
}

/** Body of every error answer. */
export function problemBody(problem: Problem, requestId: string): object {
  const { status, title } = PROBLEMS[problem.code];
  return {
    type: `urn:millrace:problem:${problem.code.toLowerCase().replaceAll('_', '-')}`,
    title,
    status,
    detail: problem.message,
    code: problem.code,
    request_id: requestId,
    errors: problem.errors,
  };
}

export async function sendProblem(
  reply: FastifyReply,
  problem: Problem,
  requestId: string,
): Promise<FastifyReply> {
  if (problem.retryAfterSeconds !== null) {
    reply.header('Retry-After', String(problem.retryAfterSeconds));
  }
  const { status } = PROBLEMS[problem.code];
  if (status === 401) reply.header('WWW-Authenticate', 'HMAC-SHA256');
  return await reply
    .code(status)
    .header('X-Request-Id', requestId)
    .type('application/problem+json; charset=utf-8')
    .send(JSON.stringify(problemBody(problem, requestId)));
}
