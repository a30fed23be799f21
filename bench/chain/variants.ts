import { join } from 'node:path';
import { ROOT } from '../../cli/stack/programs.ts';
import { BIN, type ChainSystem } from './systems.ts';

/** This system with other Node flags or settings: a system of its own in a run. */
export interface Variant {
  readonly name: string;
  /** All that the process of a member has, in the place of those that `millrace run` sets; empty: those. */
  readonly flags: readonly string[];
  /** Environment of that process, over what the system sets itself. */
  readonly settings: Readonly<Record<string, string>>;
}

/** Stands where `millrace` does, and sets no flag. */
const FLAGGED = join(ROOT, 'bench', 'chain', 'flagged.ts');

/** A system of the variant's name that does what this one does. */
export function variantOf(base: ChainSystem, { name, flags, settings }: Variant): ChainSystem {
  const set = Object.entries(settings).map((setting) => setting.join('='));
  const only = flags.length === 0 ? [] : [`the flags ${flags.join(' ')} alone`];
  return {
    ...base,
    name,
    what: `${base.name} with ${[...only, ...set].join(' and ')}`,
    settings: { ...base.settings, ...settings },
    command: (where) => {
      const { args, env, ...command } = base.command(where);
      const flagged = [...flags, ...args.map((each) => (each === BIN ? FLAGGED : each))];
      const own = flags.length === 0 ? args : flagged;
      return { ...command, args: own, env: { ...env, ...settings } };
    },
  };
}
