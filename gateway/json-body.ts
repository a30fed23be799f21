import type { FastifyInstance } from 'fastify';
import { Problem } from './problem.ts';

/** Takes `application/json` and nothing else; everything else is answered with 415. */
export function registerJsonBody(server: FastifyInstance): void {
  server.removeAllContentTypeParsers();
  server.addContentTypeParser('application/json', { parseAs: 'string' }, (_, text, done) => {
    try {
      done(null, JSON.parse(text as string));
    } catch (error) {
      done(malformed((error as SyntaxError).message));
    }
  });
}

function malformed(message: string): Problem {
  const remedy = 'Send one JSON object, in UTF-8';
  return new Problem(
    'MALFORMED_JSON',
    `The body cannot be parsed as JSON: ${message}. ${remedy}.`,
    {
      errors: [{ field: '', code: 'MALFORMED_JSON', message, remedy }],
    },
  );
}
