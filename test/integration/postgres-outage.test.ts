import { afterAll, beforeAll, expect, it } from 'vitest';
import { postgresPart, postgresUrl } from '../../cli/stack/postgres.ts';
import { EventStore, migrate } from '../../connectors/postgres/index.ts';
import { ownServer, type OwnServer } from './own-servers.ts';

let server: OwnServer;
let store: EventStore;
beforeAll(async () => {
  server = await ownServer(postgresPart);
  await server.start();
  await migrate(postgresUrl(server.port));
  store = new EventStore(postgresUrl(server.port));
});
afterAll(async () => {
  await store.close();
  await server.remove();
});

const sink = 'outage';
const intents = (from: number, to: number) => [{ topic: 'intents', partition: 0, from, to }];

it('K-09 says STORE_AWAY while Postgres is stopped and stores again when it is back', async () => {
  await store.ensurePositions(sink, [{ topic: 'intents', partition: 0 }]);
  await store.append({ sink, moves: intents(0, 1), events: [] });
  await server.stop();
  const away = { code: 'STORE_AWAY', reaction: 'retry', canRetry: true };
  await expect(store.append({ sink, moves: intents(1, 2), events: [] })).rejects.toMatchObject(
    away,
  );
  await expect(store.history('intent-1')).rejects.toMatchObject(away);
  await expect(store.ping(1_000)).rejects.toMatchObject(away);
  await server.start();
  await store.ping(5_000);
  expect(await store.positions(sink)).toMatchObject([{ next: 1 }]);
  expect(await store.append({ sink, moves: intents(1, 2), events: [] })).toBe(0);
});
