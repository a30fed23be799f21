import { mkdir } from 'node:fs/promises';
import { USERS_FILE } from '../../connectors/redis/index.ts';
import { exchange } from './exchange.ts';
import { answers, type Command, type Part } from './part.ts';
import { needProgram } from './programs.ts';

/** Who an app is in Redis; on this machine the password is the name. */
export type RedisLogin = 'coordinator' | 'gateway' | 'reader' | 'operator';

/** The address of Redis on a port of this machine, for its operator. */
export function redisUrl(port: number): string {
  return `redis://127.0.0.1:${port}`;
}

/** The same Redis for another user. */
export function redisLoginUrl(url: string, login: RedisLogin): string {
  const changed = new URL(url);
  changed.username = changed.password = `millrace_${login}`;
  return changed.href;
}

/** An installed redis-server with its append-only file in `folder`. */
export function redisPart(options: { readonly port: number; readonly folder: string }): Part {
  const { port, folder } = options;
  return {
    name: 'redis',
    port,
    portVariable: 'REDIS_PORT',
    stopSignal: 'SIGTERM',
    prepare: () => prepare(port, folder),
    probe: () =>
      answers((signal) =>
        exchange({ port, request: Buffer.from('PING\r\n'), enough: isPong, signal }),
      ),
  };
}

async function prepare(port: number, folder: string): Promise<Command> {
  const file = needProgram('redis-server', 'redis', 'redis-server');
  await mkdir(folder, { recursive: true });
  const settings = {
    port: String(port),
    bind: '127.0.0.1',
    dir: folder,
    aclfile: USERS_FILE,
    daemonize: 'no',
    appendonly: 'yes',
    save: '',
  };
  const args = Object.entries(settings).flatMap(([name, value]) => [`--${name}`, value]);
  return { file, args };
}

function isPong(answer: Buffer): boolean | null {
  // While it loads its file it answers -LOADING.
  return answer.length < 5 ? null : answer.toString('latin1').startsWith('+PONG');
}
