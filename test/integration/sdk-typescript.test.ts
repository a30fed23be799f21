import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { partitionOf } from '../../kafka/partitioner.ts';
import { BotProducer, type BotProducerOptions } from '../../sdk/typescript/src/index.ts';
import { type BotTopic, createBotTopic, idsOf } from '../support/bot-topic.ts';

const BROKER = process.env['KAFKA_BROKERS'] ?? '';
const REGISTRY = process.env['SCHEMA_REGISTRY_URL'] ?? '';

let folder: string;
let topic: BotTopic;
let spools = 0;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'millrace-sdk-'));
  topic = await createBotTopic(BROKER, REGISTRY);
});

afterAll(async () => {
  await topic.close();
  await rm(folder, { recursive: true });
});

function optionsOf(over: Partial<BotProducerOptions> = {}): BotProducerOptions {
  return {
    brokers: [BROKER],
    registryUrl: REGISTRY,
    topicPrefix: topic.prefix,
    spoolFolder: join(folder, String((spools += 1))),
    producer: 'epp',
    instance_name: `bot${spools}`,
    controller_id: 'epp_v2_4',
    connector_name: 'bitget',
    trading_pair: 'BTC-USDT',
    ...over,
  };
}

const DECISION = { approved: true, decision: 'allow', reason: 'within limits' } as const;
const ORDER = {
  client_order_id: 'c-1',
  side: 'buy',
  order_type: 'limit',
  price: '1.10',
  amount_base: '0.5',
  is_live: true,
} as const;

describe('the TypeScript SDK', () => {
  it('S-15 S-16 S-42 keeps a chain of events under one correlation, on one partition', async () => {
    const bot = await BotProducer.open(optionsOf());
    const decision = await bot.emit('risk_decision', DECISION);
    const order = await bot.child(decision).emit('order_created', ORDER);
    const done = await bot.child(order).emit('order_cancelled', { client_order_id: 'c-1' });
    await bot.close();
    expect(decision).toMatchObject({ correlation_id: decision.event_id, causation_id: null });
    expect(order).toMatchObject({
      correlation_id: decision.event_id,
      causation_id: decision.event_id,
    });
    expect(done.causation_id).toBe(order.event_id);
    const chain = (await topic.records()).filter(
      ({ headers }) => headers['correlation_id'] === decision.event_id,
    );
    expect(idsOf(chain)).toEqual([decision, order, done].map(({ event_id }) => event_id));
    const key = Buffer.from(decision.correlation_id);
    expect(new Set(chain.map(({ partition }) => partition))).toEqual(
      new Set([partitionOf(key, 4)]),
    );
    expect(() => bot.child({} as never)).toThrow(/no event to follow/);
  });
});
