import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { loadSchemas } from '../avro/schemas.ts';

/*
 * Puts what the SDKs share with the server, rules and schemas, into one file for each: packages hold no links to outside.
 * `node scripts/generate-sdk-contract.ts` after a change of avro/rules/ or avro/schemas/bots/.
 */

const ROOT = join(import.meta.dirname, '..');
const RULES = join(ROOT, 'avro', 'rules', 'bot-events.v1.json');

/** Where the copies stand, from the root. */
export const CONTRACT_FILES = [
  'sdk/contract.json',
  'sdk/python/src/millrace_bots/contract.json',
] as const;

/** Text of the file. */
export function contractText(): string {
  const rules = JSON.parse(readFileSync(RULES, 'utf8')) as {
    readonly events: Readonly<Record<string, { readonly record: string }>>;
  };
  const all = loadSchemas();
  const records = Object.values(rules.events).map(({ record }) => record);
  const schemas = Object.fromEntries(records.map((record) => [record, all.get(record)]));
  return `${JSON.stringify({ rules, schemas }, null, 1)}\n`;
}

if (process.argv[1] === import.meta.filename)
  for (const file of CONTRACT_FILES) writeFileSync(join(ROOT, file), contractText());
