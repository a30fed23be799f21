import { answer, json, problems, REQUEST_ID, signedProblems } from './openapi-answers.ts';
import { ref } from './openapi-schemas.ts';

const TEXT = { type: 'string' };
const HTML = { 'text/html': { schema: TEXT } };
const ETAG = { ETag: { description: 'Of the content.', schema: TEXT } };
const KNOWN = {
  name: 'If-None-Match',
  in: 'header',
  description: 'An ETag: answered with 304 while the content is the same.',
  schema: TEXT,
};
const UNCHANGED = { description: 'The caller has it already.', headers: ETAG };

function inPath(name: string, description: string): object {
  return { name, in: 'path', required: true, description, schema: TEXT };
}

function page(operationId: string, summary: string, parameters: readonly object[]): object {
  return {
    operationId,
    summary,
    security: [],
    parameters: [...parameters, KNOWN, REQUEST_ID],
    responses: {
      200: answer('The page, which reads the rest from this API.', HTML, ETAG),
      304: UNCHANGED,
      403: answer('Requests have to be signed here, which a browser cannot.', HTML, ETAG),
      ...problems(),
    },
  };
}

const FILE = {
  operationId: 'getPageFile',
  summary: 'A script, style or picture of the page.',
  security: [],
  parameters: [inPath('file', 'Name of the file.'), KNOWN, REQUEST_ID],
  responses: {
    200: answer(
      'The file.',
      {
        'text/javascript': { schema: TEXT },
        'text/css': { schema: TEXT },
        'text/html': { schema: TEXT },
        'image/svg+xml': { schema: TEXT },
      },
      ETAG,
    ),
    304: UNCHANGED,
    ...problems('NOT_FOUND'),
  },
};

const LOOKUP = {
  operationId: 'findCorrelation',
  summary: 'Which correlation an id belongs to.',
  parameters: [inPath('id', 'Of a correlation, an intent, an event or a plan.'), REQUEST_ID],
  responses: {
    200: json('The correlation, and what the id was.', ref('Found')),
    ...signedProblems('UNKNOWN_ID', 'STORE_AWAY'),
  },
};

/** The routes of the page, and the lookup that its search asks. */
export const PAGE_PATHS: Readonly<Record<string, Readonly<Record<string, object>>>> = {
  '/lookup/{id}': { get: LOOKUP },
  '/': { get: page('getSearch', 'A page to search by id.', []) },
  '/c/{correlation}': {
    get: page('getCorrelationPage', 'One correlation, from first event to last.', [
      inPath('correlation', 'Its id.'),
    ]),
  },
  '/page/{file}': { get: FILE },
};
