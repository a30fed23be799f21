import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { extname, join } from 'node:path';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { Problem } from './problem.ts';

/** What browsers get, as it stands there: nothing is built, bundled or put in later. */
const FOLDER = join(import.meta.dirname, 'page');

const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
};

/** Nothing from elsewhere, nothing inline, and no text that becomes markup. */
const POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self'",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'self'",
  "frame-ancestors 'none'",
  "require-trusted-types-for 'script'",
  "trusted-types 'none'",
].join('; ');

const HEADERS = {
  'Content-Security-Policy': POLICY,
  'X-Content-Type-Options': 'nosniff',
  'Referrer-Policy': 'same-origin',
  'Cache-Control': 'no-cache',
};

interface PageFile {
  readonly type: string;
  readonly bytes: Buffer;
  readonly etag: string;
}

/**
 * Adds the page: a search at `/`, one correlation at `/c/{correlation}`, and their files under `/page/`. It reads through the
 * same API as anybody else. `isSigned`: requests have to be signed, which a browser cannot; then it says so instead (403).
 *
 * Order: reads its files once, here. Source: docs/adr/028-the-page.md.
 */
export function registerPage(server: FastifyInstance, { isSigned }: { isSigned: boolean }): void {
  const files = readFiles();
  const shell = fileOf(files, isSigned ? 'signed.html' : 'index.html');
  const status = isSigned ? 403 : 200;
  for (const url of ['/', '/c/:correlation'])
    server.get(url, async (request, reply) => give(request, reply, shell, status));
  server.get<{ Params: { file: string } }>('/page/:file', async (request, reply) =>
    give(request, reply, fileOf(files, request.params.file)),
  );
}

function readFiles(): ReadonlyMap<string, PageFile> {
  return new Map(
    readdirSync(FOLDER).flatMap((name) => {
      const type = TYPES[extname(name)];
      if (type === undefined) return [];
      const bytes = readFileSync(join(FOLDER, name));
      const hash = createHash('sha256').update(bytes).digest('base64url');
      return [[name, { type, bytes, etag: `"${hash}"` }] as const];
    }),
  );
}

function fileOf(files: ReadonlyMap<string, PageFile>, name: string): PageFile {
  const file = files.get(name);
  if (file !== undefined) return file;
  throw new Problem('NOT_FOUND', 'The page has no such file; reload it, to get the one that runs');
}

async function give(
  request: FastifyRequest,
  reply: FastifyReply,
  { type, bytes, etag }: PageFile,
  status = 200,
): Promise<FastifyReply> {
  reply.headers(HEADERS).header('ETag', etag);
  if (status === 200 && isKnown(request.headers['if-none-match'], etag))
    return await reply.code(304).send();
  return await reply.code(status).type(type).send(bytes);
}

function isKnown(given: string | undefined, etag: string): boolean {
  const known = (given ?? '').split(',').map((each) => each.trim().replace(/^W\//, ''));
  return known.includes(etag) || known.includes('*');
}
