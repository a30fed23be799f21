import { join } from 'node:path';
import { PORT_VARIABLE, type AppName } from '../../apps/config.ts';
import { answers, type Part } from './part.ts';
import { ROOT } from './programs.ts';

/** One app of this system in a process of its own; ready when its `/health` says so. */
export function appPart(
  app: AppName,
  options: { readonly port: number; readonly env: Readonly<Record<string, string>> },
): Part {
  const { port, env } = options;
  return {
    name: app,
    port,
    portVariable: PORT_VARIABLE[app],
    stopSignal: 'SIGTERM',
    prepare: async () => ({
      file: process.execPath,
      args: [join(ROOT, 'cli', 'bin.mjs'), 'run', app],
      env,
    }),
    probe: () => isHealthy(port),
  };
}

/** Whether GET /health on a port of this machine gives 200. */
export function isHealthy(port: number): Promise<boolean> {
  return answers(async (signal) => {
    const response = await fetch(`http://127.0.0.1:${port}/health`, { signal });
    await response.arrayBuffer();
    return response.status === 200;
  });
}
