import { Readable } from 'node:stream';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { Problem } from '../problem.ts';
import type { Claim, SignatureCheck } from './signature.ts';

/** What nobody has to sign for: probes, the document that says how to sign, and the page, which then says that it cannot. */
const OPEN = new Set([
  '/health',
  '/livez',
  '/metrics',
  '/openapi.json',
  '/',
  '/c/:correlation',
  '/page/:file',
]);

/**
 * Takes nothing unsigned but probes, the API document and the page's files. Headers are looked at before the body is read, and the
 * signature before it is parsed.
 *
 * Order: before the routes, whose hooks then know that X-Api-Key is who it says.
 * Limits: the body limit of the route.
 */
export function registerSignatures(server: FastifyInstance, check: SignatureCheck): void {
  const claims = new WeakMap<FastifyRequest, Claim>();
  server.addHook('onRequest', async (request) => {
    if (!OPEN.has(request.routeOptions.url ?? ''))
      claims.set(request, check.claimOf(request.headers));
  });
  server.addHook('preParsing', async (request, _, payload) => {
    const claim = claims.get(request);
    if (claim === undefined) return payload;
    const { method, url: target, headers } = request;
    const body = await bodyOf(payload, request.routeOptions.bodyLimit ?? 0);
    await check.verify(claim, { method, target, headers }, body);
    return Object.assign(Readable.from(body.length === 0 ? [] : [body]), {
      receivedEncodedLength: body.length,
    });
  });
}

async function bodyOf(payload: AsyncIterable<unknown>, limit: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of payload) {
    bytes += (chunk as Buffer).length;
    if (bytes > limit)
      throw new Problem('BODY_TOO_LARGE', `The body is larger than ${limit} bytes; send less`);
    chunks.push(chunk as Buffer);
  }
  return Buffer.concat(chunks);
}
