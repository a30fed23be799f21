import { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type RedisLogin, redisLoginUrl, redisPart, redisUrl } from '../../cli/stack/redis.ts';
import {
  GatewayNotes,
  ReadModelReader,
  ReadModelWriter,
  ReplayedModels,
} from '../../connectors/redis/index.ts';
import { ownServer, type OwnServer } from './own-servers.ts';

let server: OwnServer;
const clients = new Map<RedisLogin, Redis>();
const closing: { close(): Promise<void> }[] = [];
const urlOf = (login: RedisLogin): string => redisLoginUrl(redisUrl(server.port), login);

beforeAll(async () => {
  server = await ownServer(redisPart);
  await server.start();
  for (const login of ['coordinator', 'gateway', 'reader', 'operator'] as const)
    clients.set(login, new Redis(urlOf(login)));
});
afterAll(async () => {
  for (const client of clients.values()) client.disconnect();
  for (const each of closing) await each.close();
  await server.remove();
});

function keep<Handle extends { close(): Promise<void> }>(handle: Handle): Handle {
  closing.push(handle);
  return handle;
}

async function writes(writer: ReadModelWriter, value: string, offset: number): Promise<number> {
  const entry = { offset, redisKey: 'intent:1', value, version: [offset + 1, 0] as const };
  const batch = { topic: 'rm.intent', partition: 0, from: offset, next: offset + 1 };
  return writer.apply({ ...batch, entries: [entry] });
}

/** Statements that no app but the coordinator may make, or nobody. */
const REFUSED = [
  'SET intent:1 forged',
  'SET plan:1 forged',
  'SET positions:1 forged',
  'SET events:seen:1 1',
  'SET millrace:position:rm.intent:0 9',
  'HSET millrace:version:rm.intent intent:1 9/0',
  'DEL intent:1',
  'GETDEL intent:1',
  'EXPIRE intent:1 1',
  'RENAME intent:1 intent:2',
];
const OPERATORS = ['FLUSHALL', 'CONFIG SET save 1', 'ACL SETUSER x', 'SHUTDOWN', 'KEYS *'];

describe.each(['gateway', 'reader'] as const)('the user of a %s', (login) => {
  it.each([...REFUSED, ...OPERATORS, "EVAL redis.call('set',KEYS[1],'x') 1 intent:1"])(
    'B-40 B-13 is refused %s',
    async (statement) => {
      const [command = '', ...args] = statement.split(' ');
      await expect(clients.get(login)?.call(command, ...args)).rejects.toThrow(/^NOPERM/);
    },
  );

  it('B-25 B-26 reads read models, in a numbered database too', async () => {
    const writer = keep(await ReadModelWriter.open(`${urlOf('coordinator')}/3`));
    expect(await writes(writer, '{"state":"planned"}', 0)).toBe(1);
    const reader = keep(await ReadModelReader.open(`${urlOf(login)}/3`));
    expect(await reader.intent('1')).toBe('{"state":"planned"}');
    expect(await reader.plan('1')).toBeNull();
    await reader.ping(1_000);
    await clients.get('operator')?.del('intent:1');
  });
});

describe('the user of the gateway', () => {
  it('keeps notes of its own', async () => {
    const notes = keep(await GatewayNotes.open(urlOf('gateway'), 'desk.'));
    expect(await notes.claim('desk', 'n1', 60_000)).toBe(true);
    expect(await notes.claim('desk', 'n1', 60_000)).toBe(false);
    expect(await notes.begin('i1', 'hash', 60_000)).toBeNull();
    await notes.sent('i1', 'hash', 60_000);
    expect(await notes.begin('i1', 'hash', 60_000)).toEqual({ fingerprint: 'hash', isSent: true });
  });
});

describe('the user of the coordinator', () => {
  it.each([...OPERATORS, 'SET millrace:gateway:nonce:a:b 1', 'SET anything 1'])(
    'is refused %s',
    async (statement) => {
      const [command = '', ...args] = statement.split(' ');
      await expect(clients.get('coordinator')?.call(command, ...args)).rejects.toThrow(/^NOPERM/);
    },
  );

  it('B-13 writes read models, their positions, and what was seen', async () => {
    const writer = keep(await ReadModelWriter.open(urlOf('coordinator'), 'desk.'));
    expect(await writes(writer, '{"state":"accepted"}', 0)).toBe(1);
    expect(await writer.positions('rm.intent', [0, 1])).toEqual([1, 0]);
    await writer.seen(['e1']);
    expect(await clients.get('operator')?.get('events:seen:e1')).toBe('1');
  });
});

describe('the user of an operator', () => {
  it('B-109 makes read models again and puts them in place', async () => {
    const writer = keep(await ReadModelWriter.open(urlOf('coordinator')));
    await writes(writer, '{"state":"accepted"}', 0);
    const where = { topicPrefix: '', prefix: 'rebuilt:' };
    const models = keep(await ReplayedModels.open(urlOf('operator'), where));
    const [guard = null] = await models.versions('rm.intent', ['1']);
    const model = { topic: 'rm.intent', id: '1', value: '{"state":"planned"}', guard } as const;
    await models.write([model]);
    expect(await models.swap([model])).toEqual({ swapped: 1, kept: [] });
    expect(await clients.get('operator')?.get('intent:1')).toBe('{"state":"planned"}');
  });
});
