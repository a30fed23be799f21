import { mkdtemp, rm } from 'node:fs/promises';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { kafkaPart } from '../../cli/stack/kafka.ts';
import { freePort } from '../../cli/stack/ports.ts';
import { type OwnServer, ownServer } from '../integration/own-servers.ts';
import { type Bot, type BotPlan, BotProcess, BOTS } from '../support/bot-process.ts';
import { BotRig } from '../support/bot-rig.ts';
import { type BotTopic, createBotTopic, idsOf, keptOf } from '../support/bot-topic.ts';

/*
 * What the SDKs said to be confirmed is on the topic, also when the broker, the registry or the bot itself was away; and
 * nothing is there twice for a reader that knows producers by their numbers. The broker is away for 10 s (S-43); OUTAGE_SECONDS makes it longer:
 * npm run fault:bots takes 30 s.
 */

const OUTAGE_MS = Number(process.env['OUTAGE_SECONDS'] ?? 10) * 1000;
/** Of each bot, between two events. */
const PAUSE_MS = Math.max(2, OUTAGE_MS / 1000);
const LIMIT_MS = OUTAGE_MS + 180_000;
const BROKER = process.env['KAFKA_BROKERS'] ?? '';
const REGISTRY = process.env['SCHEMA_REGISTRY_URL'] ?? '';

let folder: string;
let spools = 0;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'millrace-bots-'));
});

afterAll(async () => {
  await rm(folder, { recursive: true });
});

type Kept = Pick<BotTopic, 'prefix' | 'kept'>;

function planOf(topic: Pick<Kept, 'prefix'>, over: Partial<BotPlan> = {}): BotPlan {
  const spool = join(folder, String((spools += 1)));
  const { prefix } = topic;
  return { broker: BROKER, registry: REGISTRY, prefix, spool, pauseMs: PAUSE_MS, ...over };
}

/** Nothing lost of what the bots said, and nothing twice. */
async function expectAllOnce(
  topic: Pick<Kept, 'kept'>,
  bots: readonly BotProcess[],
): Promise<void> {
  const ids = idsOf(await topic.kept());
  expect(new Set(ids).size).toBe(ids.length);
  const there = new Set(ids);
  const said = bots.flatMap((bot) => [...bot.ids('buffered'), ...bot.ids('confirmed')]);
  expect(said.filter((id) => !there.has(id))).toEqual([]);
}

/** The same of the rows in Postgres. */
async function expectRowsOnce(rig: BotRig, bots: readonly BotProcess[]): Promise<void> {
  await rig.drain();
  const rows = await rig.database.query<{ id: string }>(
    'SELECT event_id::text AS id FROM bot_events',
  );
  const ids = new Set(rows.map(({ id }) => id));
  expect(ids.size).toBe(rows.length);
  const said = bots.flatMap((bot) => [...bot.ids('buffered'), ...bot.ids('confirmed')]);
  expect(said.filter((id) => !ids.has(id))).toEqual([]);
  expect(await rig.database.query('SELECT count(*)::int AS count FROM events')).toEqual([
    { count: rows.length },
  ]);
  expect(await rig.store.unexplained()).toBe(0);
}

describe('bots of both languages, and of asyncio', () => {
  it(
    'S-43 K-11 lose and double nothing when the broker is stopped mid-run',
    async () => {
      const server: OwnServer = await ownServer((place) => kafkaPart(place));
      try {
        await server.start();
        const broker = `127.0.0.1:${server.port}`;
        const rig = await BotRig.open('sdk-bots', broker);
        const bots = BOTS.map((bot) => new BotProcess(bot, planOf(rig.names, { broker })));
        await Promise.all(bots.map((bot) => bot.until('confirmed', 5)));
        await server.stop();
        const before = bots.map((bot) => bot.ids('buffered').length);
        await pause(OUTAGE_MS);
        const more = (bot: BotProcess, index: number): Promise<void> =>
          bot.until('buffered', (before[index] ?? 0) + 20);
        await Promise.all(bots.map(more));
        const confirmed = bots.map((bot) => bot.ids('confirmed').length);
        await server.start();
        await Promise.all(bots.map((bot) => bot.done()));
        bots.map((bot, index) =>
          expect(bot.ids('confirmed').length).toBeGreaterThan(confirmed[index] ?? 0),
        );
        await expectAllOnce({ kept: async () => keptOf(await rig.recordsOf('orders')) }, bots);
        await expectRowsOnce(rig, bots);
        await rig.close();
      } finally {
        await server.remove();
      }
    },
    LIMIT_MS,
  );

  it.each(BOTS)(
    'S-43 J7a lose and double nothing when the bot is killed mid-run: %s',
    async (kind: Bot) => {
      const topic = await createBotTopic(BROKER, REGISTRY);
      const plan = planOf(topic);
      const bots: BotProcess[] = [];
      for (const [run, confirmed] of [3, 20, 9].entries()) {
        const bot = new BotProcess(kind, plan);
        bots.push(bot);
        await bot.until(run === 0 ? 'buffered' : 'confirmed', confirmed);
        await bot.kill();
      }
      const last = new BotProcess(kind, plan);
      await last.until('confirmed', 1);
      await last.done();
      await expectAllOnce(topic, [...bots, last]);
      const producers = new Set((await topic.kept()).map(({ headers }) => headers['producer_id']));
      expect(producers.size).toBe(1);
      await topic.close();
    },
    LIMIT_MS,
  );

  it(
    'S-43 buffer while the registry is away, and deliver when it is back',
    async () => {
      const topic = await createBotTopic(BROKER, REGISTRY);
      const port = await freePort();
      const registry = REGISTRY.replace(/\/\/[^/]+/, `//127.0.0.1:${port}`);
      const plan = { registry };
      const bots = BOTS.map((bot) => new BotProcess(bot, planOf(topic, plan)));
      await Promise.all(bots.map((bot) => bot.until('buffered', 40)));
      expect(bots.flatMap((bot) => bot.ids('confirmed'))).toEqual([]);
      const way = await openWay(port, new URL(REGISTRY));
      await Promise.all(bots.map((bot) => bot.done()));
      await expectAllOnce(topic, bots);
      way.close();
      await topic.close();
    },
    LIMIT_MS,
  );
});

/** Passes connections on: a registry that comes up late. */
async function openWay(port: number, to: URL): Promise<Server> {
  const server = createServer((near) => {
    const far = connect(Number(to.port), to.hostname);
    const end = (socket: Socket) => () => void socket.destroy();
    near.pipe(far).pipe(near);
    near.on('error', end(far));
    far.on('error', end(near));
  });
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  return server;
}
