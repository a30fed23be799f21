import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { SYSTEMS } from '../chain/systems.ts';
import { VoidRunError } from '../latency/audit.ts';
import { holdChild } from '../signals.ts';

/**
 * Fetches what systems need and is not there, or is of another version, by `set-up.mjs` beside this file.
 *
 * Throws: VoidRunError when it cannot be had: a comparison without what it is to compare with is none.
 */
export async function fetchPeers(
  systems: readonly string[],
  tell: (line: string) => void,
): Promise<void> {
  const peers = systems.flatMap((name) => SYSTEMS[name]?.needs?.peer ?? []);
  for (const peer of new Set(peers)) {
    tell(`seeing to ${peer}`);
    const child = holdChild(
      spawn(process.execPath, [join(import.meta.dirname, 'set-up.mjs'), peer], {
        stdio: ['ignore', 'inherit', 'inherit'],
      }),
    );
    await once(child, 'close');
  }
  const away = systems.filter((name) => !isThere(name));
  if (away.length > 0)
    throw new VoidRunError(
      `${away.join(', ')} cannot be fetched here: leave it out with --systems, or see what is said above.`,
    );
}

function isThere(name: string): boolean {
  const needs = SYSTEMS[name]?.needs ?? null;
  return needs === null || existsSync(needs.file);
}
