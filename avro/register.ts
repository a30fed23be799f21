import { RegistryError } from './registry.ts';
import type { SchemaRegistry } from './registry.ts';

/**
 * Makes a schema stand under a subject whose new versions must be able to read the old ones (BACKWARD).
 * Several processes may do so at once. Returns the schema's id.
 *
 * Throws: RegistryError INCOMPATIBLE with the subject and the reason.
 */
export async function registerSubject(
  registry: SchemaRegistry,
  subject: string,
  schema: string,
): Promise<number> {
  const known = await registry.find(subject, schema);
  if (known !== null) return known;
  const first = (await registry.latest(subject)) === null;
  // A rule can only be given to a subject that is there; one left without by a crash gets it here.
  if (!first) await registry.setCompatibility('BACKWARD', subject);
  const id = await added(registry, subject, schema);
  if (first) await registry.setCompatibility('BACKWARD', subject);
  return id;
}

async function added(registry: SchemaRegistry, subject: string, schema: string): Promise<number> {
  try {
    return await registry.register(subject, schema);
  } catch (error) {
    if (!(error instanceof RegistryError)) throw error;
    // Another process may have added the same in between; registries answer that with various errors.
    const id = await registry.find(subject, schema).catch(() => null);
    if (id !== null) return id;
    throw error;
  }
}
