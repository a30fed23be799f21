import { parseType } from './avsc-type.ts';
import { RegistryError } from './registry.ts';
import type { Compatibility, SchemaRegistry } from './registry.ts';
import type { Schema } from './schemas.ts';

/**
 * Makes a schema stand under a subject whose new versions must keep to `rule` (default: be able to read the old
 * ones), unless the subject has a rule of its own. Several processes may do so at once. Returns the schema's id.
 *
 * Throws: RegistryError INCOMPATIBLE with the subject and the reason.
 */
export async function registerSubject(
  registry: SchemaRegistry,
  subject: string,
  schema: string,
  rule: Compatibility = 'BACKWARD',
): Promise<number> {
  return (await registry.find(subject, schema)) ?? addSubject(registry, subject, schema, rule);
}

/** The same for a schema that was not found there a moment ago. */
export async function addSubject(
  registry: SchemaRegistry,
  subject: string,
  schema: string,
  rule: Compatibility = 'BACKWARD',
): Promise<number> {
  // A rule can only be given to a subject that is there; one left without by a crash gets it here.
  if ((await registry.latest(subject)) !== null) await hold(registry, subject, rule);
  const id = await added(registry, subject, schema);
  await hold(registry, subject, rule);
  return id;
}

export type SubjectState = 'registered' | 'new' | 'compatible' | 'incompatible';

/**
 * What registering would do, without doing it.
 *
 * Throws: RegistryError AWAY.
 */
export async function checkSubject(
  registry: SchemaRegistry,
  subject: string,
  schema: string,
): Promise<{ readonly state: SubjectState; readonly reasons: readonly string[] }> {
  if ((await registry.find(subject, schema)) !== null) return { state: 'registered', reasons: [] };
  const latest = await registry.latest(subject);
  if (latest === null) return { state: 'new', reasons: [] };
  const { compatible, reasons } = await registry.check(subject, schema);
  if (compatible) return { state: 'compatible', reasons };
  return {
    state: 'incompatible',
    reasons: reasons.length ? reasons : misfits(latest.schema, schema),
  };
}

/** Not every registry says why; avsc does. */
function misfits(older: string, newer: string): readonly string[] {
  try {
    parseType(JSON.parse(newer) as Schema).createResolver(parseType(JSON.parse(older) as Schema));
    return ['the rule of the subject forbids it'];
  } catch (error) {
    return [error instanceof Error ? error.message : String(error)];
  }
}

async function hold(registry: SchemaRegistry, subject: string, rule: Compatibility): Promise<void> {
  if ((await registry.compatibility(subject)) !== null) return;
  try {
    await registry.setCompatibility(rule, subject);
  } catch (error) {
    if (!(error instanceof RegistryError) || error.code !== 'CONFLICT') throw error;
    if ((await registry.compatibility(subject)) === null) throw error;
  }
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
