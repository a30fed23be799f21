import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { schemathesisPython } from '../../scripts/python-packages.mjs';

const FOLDER = join(import.meta.dirname, 'schemathesis');
/** Of one run in `npm test`; SCHEMATHESIS_SECONDS asks for longer ones. */
const SECONDS = Number(process.env['SCHEMATHESIS_SECONDS'] ?? 8);
const PHASES = ['examples', 'coverage', 'fuzzing', 'stateful'];

export interface Verdict {
  readonly code: number | null;
  readonly text: string;
}

/**
 * Asks a gateway everything that its API document allows, and what it forbids, and compares the answers with the document.
 * `key`: requests are signed with it. Bodies with U+0000 are left out: no schema can say that of texts at any depth.
 */
export async function schemathesis(
  url: string,
  key?: { readonly id: string; readonly secret: string },
): Promise<Verdict> {
  const folder = await mkdtemp(join(tmpdir(), 'millrace-schemathesis-'));
  const args = [
    ...['-m', 'schemathesis.cli', '--config-file', join(FOLDER, 'schemathesis.toml')],
    ...['run', `${url}/openapi.json`, '--phases', PHASES.join()],
    ...['--checks', 'all', '--suppress-health-check', 'all', '--generation-allow-x00', 'false'],
    ...['--max-time', String(SECONDS), '--continue-on-failure', '--request-timeout', '20'],
    // A plain GET of it is asked for in a test of its own: what it takes is a WebSocket.
    ...['--exclude-path', '/stream'],
  ];
  const signs = key && { SCHEMATHESIS_HOOKS: 'sign', KEY: key.id, SECRET: key.secret };
  const env = { ...process.env, ...signs, PYTHONPATH: FOLDER, NO_COLOR: '1' };
  const child = spawn(schemathesisPython(), args, { cwd: folder, env });
  let text = '';
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (bytes: Buffer) => (text += bytes.toString()));
  const [code] = (await once(child, 'close')) as [number | null];
  await rm(folder, { recursive: true, force: true });
  return { code, text };
}
