import { type JsonSchema, ref } from './openapi-schemas.ts';
import { PROBLEMS, type ProblemCode } from './problem.ts';

type Responses = Record<string, object>;

/** The parameter that every operation takes. */
export const REQUEST_ID = {
  name: 'X-Request-Id',
  in: 'header',
  description: 'Taken over when it is 1 to 128 printable characters, else a new one is made.',
  schema: { type: 'string' },
};
const REQUEST_ID_HEADER = {
  'X-Request-Id': { description: 'That of the request.', schema: { type: 'string' } },
};
const RETRY_AFTER_HEADER = {
  'Retry-After': { description: 'Seconds.', schema: { type: 'integer' } },
};

/** An answer with the header that all have. */
export function answer(description: string, content: object, headers: object = {}): object {
  return { description, headers: { ...REQUEST_ID_HEADER, ...headers }, content };
}

/** The same in JSON. */
export function json(description: string, schema: JsonSchema, headers: object = {}): object {
  return answer(description, { 'application/json': { schema } }, headers);
}

/** What a request can be refused with before it is looked at, where requests have to be signed. */
const ACCESS: readonly ProblemCode[] = [
  'UNSIGNED',
  'WRONG_SIGNATURE',
  'TIMESTAMP_OFF',
  'NONCE_SEEN',
  'ACCESS_AWAY',
];

/** `problems` of an operation that may have to be signed for. */
export function signedProblems(...codes: readonly ProblemCode[]): Responses {
  return problems(...ACCESS, ...codes);
}

/** One response per status, with the codes that it may carry; the rest is under `default`. */
export function problems(...codes: readonly ProblemCode[]): Responses {
  const responses: Responses = {};
  for (const code of codes) {
    const { status } = PROBLEMS[code];
    const together = codes.filter((each) => PROBLEMS[each].status === status);
    responses[status] = problem(together, status === 429 || status === 503);
  }
  responses['default'] = problem(['BAD_REQUEST', 'INTERNAL_ERROR']);
  return responses;
}

function problem(codes: readonly ProblemCode[], waits = false): object {
  const schema = { allOf: [ref('Problem'), { properties: { code: { enum: codes } } }] };
  return answer(
    codes.map((code) => `${code}: ${PROBLEMS[code].title}.`).join(' '),
    { 'application/problem+json': { schema } },
    waits ? RETRY_AFTER_HEADER : {},
  );
}
