import { spawnSync } from 'node:child_process';
import { SYSTEMS } from '../../bench/chain/systems.ts';
import type { Variant } from '../../bench/chain/variants.ts';
import { UsageError } from '../command.ts';
import { ADDRESS_VARIABLE } from '../stack/servers.ts';

const NAMED = /^([a-z0-9][a-z0-9-]*)=(.*)$/;
const FLAG = /^--[a-z]/;
const SETTING = /^([A-Z][A-Z0-9_]*)=(.*)$/;

/** What a run gives to each system by itself. */
const GIVEN = new Set([
  ...['TOPIC_PREFIX', 'INSTANCE_ID', 'MILLRACE_DATA', 'PARTITIONS'],
  ...Object.values(ADDRESS_VARIABLE),
]);

/**
 * Shape: of each text, a name, `=`, and words with spaces between them: flags of Node (`--flag=value`) and settings (`KEY=VALUE`).
 *
 * Throws: UsageError when a name is taken, or a word is neither of them, refused by Node, or what the run sets.
 */
export function variants(option: string, texts: readonly string[]): readonly Variant[] {
  const taken = new Set(Object.keys(SYSTEMS));
  return texts.map((text) => {
    const variant = variantIn(text);
    const problem =
      typeof variant === 'string'
        ? variant
        : taken.has(variant.name)
          ? `there is a system of that name already; give another`
          : refusalOf(variant);
    if (typeof variant === 'string' || problem !== null)
      throw new UsageError('WRONG_USE', `--${option} is ${text}; ${problem}.`);
    taken.add(variant.name);
    return variant;
  });
}

/** Or what is wrong with the text. */
function variantIn(text: string): Variant | string {
  const [, name, rest = ''] = NAMED.exec(text) ?? [];
  if (name === undefined)
    return 'begin it with a name of small letters, digits and dashes, as in young16=--max-semi-space-size=16';
  const words = rest.split(' ').filter((word) => word !== '');
  if (words.length === 0) return 'give flags of Node (--flag=value) or settings (KEY=VALUE)';
  const wrong = words.find((word) => !FLAG.test(word) && !SETTING.test(word));
  if (wrong !== undefined)
    return `${wrong} is neither a flag of Node (--flag=value) nor a setting (KEY=VALUE)`;
  const settings = words.flatMap((word) => {
    const [, key = '', value = ''] = SETTING.exec(word) ?? [];
    return key === '' ? [] : [[key, value] as const];
  });
  const flags = words.filter((word) => FLAG.test(word));
  return { name, flags, settings: Object.fromEntries(settings) };
}

/** Why a process could not be started with it, or would not do its work; null: it can. */
function refusalOf({ flags, settings }: Variant): string | null {
  const given = Object.keys(settings).filter((key) => GIVEN.has(key));
  if (given.length > 0) return `${given.join(' and ')} is set by the run; leave it out`;
  if (flags.length === 0) return null;
  const { status, stderr } = spawnSync(process.execPath, [...flags, '-e', '0'], {
    encoding: 'utf8',
  });
  const [said = ''] = stderr.split('\n');
  return status === 0 ? null : `Node refuses its flags: ${said}`;
}
