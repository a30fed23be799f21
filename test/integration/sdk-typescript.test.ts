import { AsyncLocalStorage } from 'node:async_hooks';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  type Context,
  context,
  type ContextManager,
  createContextKey,
  propagation,
  ROOT_CONTEXT,
} from '@opentelemetry/api';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { freePort } from '../../cli/stack/ports.ts';
import type { FetchedRecord } from '../../kafka/client.ts';
import { partitionOf } from '../../kafka/partitioner.ts';
import { platformaticClient } from '../../kafka/platformatic.ts';
import { BotProducer, type BotProducerOptions } from '../../sdk/typescript/src/index.ts';
import { type BotTopic, createBotTopic, idsOf, readAll } from '../support/bot-topic.ts';

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
const FILL = {
  client_order_id: 'c-1',
  fill_price: '1.10',
  fill_qty_base: '0.5',
  fill_qty_quote: '0.55',
  fee_asset: 'USDT',
  fee_amount: '0.0001',
  liquidity_side: 'maker',
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

  it('S-43 emits each of the six types, in the order of the calls', async () => {
    const bot = await BotProducer.open(optionsOf());
    const root = await bot.emit('order_created', ORDER);
    const { emit } = bot.child(root);
    await emit.nowait('order_cancelled', { client_order_id: 'c-1' });
    await emit.nowait('order_failed', { error_message: 'insufficient balance' });
    await emit.nowait('order_filled', FILL);
    await emit.nowait('risk_decision', DECISION);
    await emit.nowait('state_snapshot', { state: 'running' });
    await bot.flush();
    expect(bot.status()).toMatchObject({ pending: 0, pendingBytes: 0, confirmed: 6 });
    await bot.close();
    const chain = await chainOf(root.correlation_id);
    expect(chain.map(({ headers }) => headers['event_type'])).toEqual([
      'order_created',
      'order_cancelled',
      'order_failed',
      'order_filled',
      'risk_decision',
      'state_snapshot',
    ]);
    const sequences = chain.map(({ headers }) => Number(headers['producer_sequence']));
    expect(sequences).toEqual([1, 2, 3, 4, 5, 6]);
  });

  it('S-24 S-43 refuses an invalid call before it buffers anything, and names the field', async () => {
    const bot = await BotProducer.open(optionsOf());
    const { price: _, ...without } = ORDER;
    await expect(bot.emit('order_created', without)).rejects.toMatchObject({
      code: 'INVALID_EVENT',
      problem: { field: 'payload.price', code: 'REQUIRED' },
    });
    const wrong = bot.emit.nowait('risk_decision', DECISION, { event_id: '1' });
    await expect(wrong).rejects.toThrow(/event_id is no UUID of version 4 \("1" was given\)/);
    expect(bot.status()).toMatchObject({ pending: 0, confirmed: 0 });
    await bot.close();
    await expect(bot.emit('risk_decision', DECISION)).rejects.toMatchObject({ code: 'CLOSED' });
    const unnamed = BotProducer.open(optionsOf({ producer: '' }));
    await expect(unnamed).rejects.toThrow(/open\(\): producer is empty/);
  });

  it('S-43 J7a goes on with its numbers after a restart, and sends what waited in the spool', async () => {
    const options = optionsOf();
    const bot = await BotProducer.open(options);
    const root = await bot.emit('risk_decision', DECISION);
    const { producerId, incarnation } = bot.status();
    await bot.close();
    const away = await BotProducer.open({ ...options, brokers: [await nobody()] });
    const order = await away.child(root).emit.nowait('order_created', ORDER);
    const lost = away.emit('risk_decision', DECISION).catch((error: unknown) => error);
    expect(await away.close(1)).toEqual({ unsent: 2 });
    expect(await lost).toMatchObject({ code: 'NOT_CONFIRMED' });
    const again = await BotProducer.open(options);
    await again.flush();
    expect(again.status()).toMatchObject({ producerId, incarnation, confirmed: 2 });
    await again.close();
    const chain = await chainOf(root.correlation_id);
    expect(idsOf(chain)).toEqual([root.event_id, order?.event_id]);
    expect(chain.map(({ headers }) => headers['producer_sequence'])).toEqual(['1', '2']);
    const client = platformaticClient({ brokers: [BROKER], clientId: 'test' });
    const sent = (await readAll(client, `${topic.prefix}orders.sent`))
      .map(({ value }) => JSON.parse(Buffer.from(value ?? []).toString()) as SentRecord)
      .filter((each) => each.producer_id === `${producerId}/${incarnation}`);
    expect(sent.at(-1)?.sent.reduce((sum, each) => sum + each)).toBe(3);
  });

  it('S-43 passes on the trace context that is active', async () => {
    const KEY = createContextKey('traceparent');
    const storage = new AsyncLocalStorage<Context>();
    const active: ContextManager = {
      active: () => storage.getStore() ?? ROOT_CONTEXT,
      with: (given, act, self, ...args) => storage.run(given, () => act.apply(self, args)),
      bind: (_, target) => target,
      enable: () => active,
      disable: () => active,
    };
    context.setGlobalContextManager(active);
    propagation.setGlobalPropagator({
      inject: (given, carrier, setter) =>
        setter.set(carrier, 'traceparent', String(given.getValue(KEY) ?? '')),
      extract: (given) => given,
      fields: () => ['traceparent'],
    });
    const trace = '4bf92f3577b34da6a3ce929d0e0e4736';
    const traceparent = `00-${trace}-00f067aa0ba902b7-01`;
    const bot = await BotProducer.open(optionsOf());
    const emitted = await context.with(ROOT_CONTEXT.setValue(KEY, traceparent), () =>
      bot.emit('risk_decision', DECISION),
    );
    await bot.close();
    const [record] = await chainOf(emitted.correlation_id);
    expect(record?.headers['traceparent']).toBe(traceparent);
    await topic.codec.learn(record?.value ?? new Uint8Array());
    const { value } = topic.codec.decode(record?.value ?? new Uint8Array());
    expect(value).toMatchObject({ envelope: { trace_id: trace } });
  });
});

interface SentRecord {
  readonly producer_id: string;
  readonly sent: readonly number[];
}

async function chainOf(correlationId: string): Promise<readonly FetchedRecord[]> {
  const all = await topic.records();
  return all.filter(({ headers }) => headers['correlation_id'] === correlationId);
}

/** An address where nobody listens. */
async function nobody(): Promise<string> {
  return `127.0.0.1:${await freePort()}`;
}
