import { METHODS as HTTP_METHODS } from 'node:http';
import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { Problem, type ProblemCode, sendProblem } from './problem.ts';

/** Largest body that is read. Source: docs/reference/interfaces.md, REST. */
export const MAX_BODY_BYTES = 64 * 1024;

/** What the web framework finds wrong with a request, by its codes. */
const FRAMEWORK_ERRORS: Readonly<Record<string, readonly [ProblemCode, string]>> = {
  FST_ERR_CTP_BODY_TOO_LARGE: [
    'BODY_TOO_LARGE',
    `The body is larger than ${MAX_BODY_BYTES} bytes; send less, most likely less metadata`,
  ],
  FST_ERR_CTP_INVALID_MEDIA_TYPE: [
    'UNSUPPORTED_MEDIA_TYPE',
    'The Content-Type is not application/json; send JSON and say so in that header',
  ],
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: [
    'BAD_REQUEST',
    'The body has another length than the header Content-Length says; send the two alike',
  ],
  FST_ERR_BAD_URL: ['BAD_REQUEST', 'The path has a wrong percent-encoding; encode it again'],
};

function asProblem(error: FastifyError): Problem | null {
  if (error instanceof Problem) return error;
  const known = FRAMEWORK_ERRORS[error.code];
  if (known) return new Problem(known[0], known[1], { cause: error });
  const status = error.statusCode ?? 500;
  if (status >= 400 && status < 500) return new Problem('BAD_REQUEST', error.message);
  return null;
}

const FAILED = 'Something broke in the gateway; its log has the cause under this request_id';

/** The answer to an error, as a problem. */
export async function answerError(
  error: Error,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<FastifyReply> {
  const problem = asProblem(error as FastifyError);
  if (problem === null || problem.cause !== undefined) {
    request.log[problem === null ? 'error' : 'warn']({ err: error }, 'request failed');
  }
  return await sendProblem(reply, problem ?? new Problem('INTERNAL_ERROR', FAILED), request.id);
}

/** Makes every error answer of a server a problem, routes that do not exist included. */
export function registerErrors(server: FastifyInstance): void {
  server.setErrorHandler<FastifyError>(answerError);
  server.setNotFoundHandler(async (request, reply) => {
    const detail = `Nothing is served at ${request.method} ${request.url}; /openapi.json lists what is`;
    return await sendProblem(reply, new Problem('NOT_FOUND', detail), request.id);
  });
}

/** All that the parser knows; with CONNECT a request never comes to a route. */
const METHODS = HTTP_METHODS.filter((method) => method !== 'CONNECT');

/** Lets routes be refused to every method, not only to those that the framework knows. Order: before the first route. */
export function takeEveryMethod(server: FastifyInstance): void {
  for (const method of METHODS)
    if (!server.supportedMethods.includes(method)) server.addHttpMethod(method);
}

/**
 * Answers 405 with Allow where a path exists and the method does not.
 *
 * Order: `watch` before the first route, `close` after the last.
 */
export function methodGuard(server: FastifyInstance): { close(): void } {
  const methodsByUrl = new Map<string, Set<string>>();
  server.addHook('onRoute', ({ url, method, config }) => {
    if (config !== undefined && 'refuses' in config) return;
    const methods = methodsByUrl.get(url) ?? new Set();
    for (const each of [method].flat()) methods.add(each);
    methodsByUrl.set(url, methods);
  });
  return {
    close: () => {
      for (const [url, methods] of methodsByUrl) refuseOthers(server, url, [...methods]);
    },
  };
}

function refuseOthers(server: FastifyInstance, url: string, allowed: readonly string[]): void {
  const detail = `${url} takes ${allowed.join(', ')} only`;
  server.route({
    url,
    method: METHODS.filter((method) => !allowed.includes(method)),
    config: { refuses: true },
    // Before the body is read: whatever it holds, the answer is the same.
    onRequest: async (request, reply) => {
      reply.header('Allow', allowed.join(', '));
      return await sendProblem(reply, new Problem('METHOD_NOT_ALLOWED', detail), request.id);
    },
    handler: async () => undefined,
  });
}
