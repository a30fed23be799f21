import type { FastifyInstance } from 'fastify';
import { isUlid, isUuid } from '../avro/index.ts';
import type { CorrelationReads } from './ports.ts';
import { Problem } from './problem.ts';
import { fromStore } from './reads.ts';

const PREFIX = 'intent-';

/**
 * Adds `GET /lookup/{id}`: which correlation an id belongs to, whatever it is the id of. An intent is found from the moment
 * its first event is stored.
 */
export function registerLookup(server: FastifyInstance, store: CorrelationReads): void {
  server.get<{ Params: { id: string } }>('/lookup/:id', async ({ params }) => {
    const id = canonical(params.id);
    const found = id === null ? null : await fromStore(() => store.find(id));
    if (found === null) throw unknownId(params.id);
    return { id, correlation_id: found.correlationId, found_by: found.foundBy };
  });
}

/** As ids are stored; null: nothing is stored under it. */
function canonical(given: string): string | null {
  const prefix = given.startsWith(PREFIX) ? PREFIX : '';
  const id = given.slice(prefix.length);
  if (isUuid(id)) return prefix + id.toLowerCase();
  return isUlid(id.toUpperCase()) ? prefix + id.toUpperCase() : null;
}

function unknownId(given: string): Problem {
  const shown = JSON.stringify(given.length > 64 ? `${given.slice(0, 64)}…` : given);
  const detail = `No event that is stored has the id ${shown}; use the id of an intent, a plan, an event or a correlation, a moment after it began`;
  return new Problem('UNKNOWN_ID', detail);
}
