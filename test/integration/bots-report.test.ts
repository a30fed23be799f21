import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type BotReport, BotReports } from '../../apps/bot-reports.ts';
import { BotIntake, MarkedPublisher } from '../../gateway/index.ts';
import type { KafkaAdmin, RecordToSend } from '../../kafka/client.ts';
import { partitionOf } from '../../kafka/partitioner.ts';
import { botEvent, botEventWith } from '../support/bot-events.ts';
import { BotRig } from '../support/bot-rig.ts';
import { type TestGateway, testGateway } from '../unit/gateway-fixture.ts';

let rig: BotRig;
let admin: KafkaAdmin;
let publisher: MarkedPublisher;
let gateway: TestGateway;

beforeAll(async () => {
  rig = await BotRig.open('bots-report');
  admin = rig.kafka.admin();
  const { codec, names, producer, store } = rig;
  const reports = new BotReports({ database: rig.events.database, store, admin, names });
  publisher = new MarkedPublisher({ producer, names, producerId: 'http-1', nowMs: Date.now });
  gateway = testGateway({
    bots: {
      intake: new BotIntake({ codec, names, partitions: 2, partitionOf, source: 'http' }),
      publisher,
      reads: {
        report: (query) => reports.report(query),
        known: (ids) => store.known(ids),
        chain: (id) => store.chain(id),
      },
    },
  });
}, 60_000);

afterAll(async () => {
  await publisher?.close();
  await admin?.close();
  await rig?.close();
});

async function post(events: readonly unknown[]) {
  const headers = { 'content-type': 'application/json' };
  const payload = JSON.stringify(events);
  const answer = await gateway.call({ method: 'POST', url: '/bots/events', payload, headers });
  expect(answer.statusCode).toBe(200);
  return answer.json() as { accepted: number; duplicates: number; rejected: unknown[] };
}

async function reportOf(query = ''): Promise<BotReport> {
  const answer = await gateway.call({ url: `/bots/report?${query}` });
  expect(answer.statusCode).toBe(200);
  return answer.json();
}

interface Instance {
  readonly orders: object;
  readonly fills_per_order: readonly object[];
  readonly live_vs_paper: object;
  readonly exposure: readonly object[];
  readonly last_snapshot: { readonly payload: object };
}

/** What a producer says was acknowledged. */
function sentOf(producer_id: string, sent: readonly number[]): RecordToSend {
  const value = Buffer.from(JSON.stringify({ producer_id, topic: 'orders', sent }));
  const topic = rig.names.physical('orders.sent');
  return { topic, partition: 0, key: Buffer.from(`${producer_id}/orders`), value, headers: {} };
}

function inPartition0(change: Record<string, unknown>): Record<string, unknown> {
  for (;;) {
    const event = botEvent('risk_decision', change);
    if (partitionOf(Buffer.from(String(event['event_id'])), 2) === 0) return event;
  }
}

const ownInstance = (): string => `bot-${randomUUID().slice(0, 8)}`;

describe('the report on bots', () => {
  it('S-36 S-38 explains the difference between what was sent and what is stored', async () => {
    const instance_name = ownInstance();
    const fills = Array.from({ length: 10 }, () => botEvent('order_filled', { instance_name }));
    const invalid = { ...botEventWith('order_filled', { fill_price: undefined }), instance_name };
    expect(await post([...fills, fills[0], invalid])).toMatchObject({
      accepted: 10,
      duplicates: 1,
      rejected: [{ index: 11, field: 'payload.fill_price', code: 'REQUIRED' }],
    });
    await rig.drain();
    const { total, types, pending } = await reportOf(`instance=${instance_name}`);
    expect(types['order_filled']).toMatchObject({
      source: 12,
      stored: 10,
      delta: 2,
      explained: { duplicate: 1, conflict: 0, invalid: 1 },
      unexplained: 0,
      invalid_schema: { count: 1, ratio: 1 / 12 },
    });
    expect([total.source, pending]).toEqual([12, 0]);
  });

  it('S-37 S-38 S-39 gives the ratios, and the lag by type', async () => {
    const instance_name = ownInstance();
    const ts_utc = new Date(Date.now() - 3_000).toISOString();
    const made = (change: object) =>
      botEvent('risk_decision', { instance_name, ts_utc, ...change });
    const sound = Array.from({ length: 6 }, () => made({}));
    const bad = { payload: { approved: 'true', decision: 'allow', reason: 'r' } };
    await post([
      ...sound,
      made({ correlation_id: '' }),
      made({ correlation_id: '' }),
      made(bad),
      made(bad),
    ]);
    await rig.drain();
    const { types } = await reportOf(`instance=${instance_name}&from=${ts_utc.slice(0, 10)}`);
    expect(types['risk_decision']).toMatchObject({
      missing_correlation: { count: 2, ratio: 0.2 },
      invalid_schema: { count: 2, ratio: 0.2 },
    });
    const lag = types['risk_decision']?.lag_ms;
    expect(lag?.p50).toBeGreaterThanOrEqual(3_000);
    expect(lag?.max).toBeGreaterThanOrEqual(lag?.p95 ?? Infinity);
  });

  it('S-01 answers per instance: orders, fills, live and paper, exposure, last snapshot', async () => {
    const instance_name = ownInstance();
    const of = (type: string, payload: object, change: object = {}) => ({
      ...botEventWith(type, payload as Record<string, unknown>),
      instance_name,
      ...change,
    });
    const paper = { connector_name: 'bitget_paper_trade' };
    const fill = { fill_qty_base: '0.1', fill_qty_quote: '10.05' };
    await post([
      of('order_created', { client_order_id: 'b', side: 'buy' }),
      of('order_created', { client_order_id: 's', side: 'sell' }),
      of('order_created', { client_order_id: 'p', side: 'buy', is_live: false }, paper),
      of('order_filled', { client_order_id: 'b', ...fill }),
      of('order_filled', { client_order_id: 'b', fill_qty_base: '0.2', fill_qty_quote: '20' }),
      of('order_filled', { client_order_id: 's', ...fill }),
      of('order_filled', { client_order_id: 'x', ...fill }),
      of('order_cancelled', { client_order_id: 'p' }, paper),
      of('order_failed', {}),
      of('state_snapshot', { state: 'hard_stop' }, { ts_utc: '2026-01-03T00:00:00Z' }),
      of('state_snapshot', { state: 'running' }),
    ]);
    await rig.drain();
    const { instances } = await reportOf(`instance=${instance_name}`);
    const found = instances[instance_name] as Instance;
    expect(found.orders).toMatchObject({ created: 3, cancelled: 1, failed: 1, filled: 4 });
    expect(found.fills_per_order).toContainEqual({
      client_order_id: 'b',
      fills: 2,
      qty_base: '0.3',
      qty_quote: '30.05',
    });
    expect(found.live_vs_paper).toMatchObject({
      live: { created: 2, filled: 4 },
      paper: { created: 1, cancelled: 1 },
      difference: { created: 1 },
    });
    expect(found.exposure).toEqual([
      {
        connector: 'bitget',
        pair: 'BTC-USDT',
        net_base: '0.2',
        net_quote: '-20',
        fills_without_order: 1,
      },
    ]);
    expect(found.last_snapshot.payload).toMatchObject({ state: 'hard_stop' });
  });

  it('S-36 names producer and sequence of a record that was removed before the sink saw it', async () => {
    const instance_name = ownInstance();
    const topic = rig.names.physical('orders');
    const before = await admin.offsets(topic);
    const events = Array.from({ length: 8 }, () => inPartition0({ instance_name }));
    await post(events);
    const { end = 0 } = before[0] ?? {};
    await admin.deleteRecords(topic, 0, end + 1);
    await rig.drain();
    const lost = {
      producer: expect.stringMatching(/^http-1\//) as string,
      topic: 'orders',
      partition: 0,
      count: 1,
      instance: null,
    };
    const { total, unexplained } = await reportOf();
    expect(total).toMatchObject({
      unexplained: 1,
      source: total.stored + total.explained.duplicate + total.explained.invalid + 1,
    });
    expect(unexplained).toMatchObject([lost]);
    expect(unexplained[0]?.sequence).toBeGreaterThan(0);
    // Whose it was nobody can tell: the gateway carries events of all bots. Each is told, and nobody's figures change.
    const own = await reportOf(`instance=${instance_name}`);
    expect(own.total).toMatchObject({ source: 7, stored: 7, unexplained: 0 });
    expect(own.unexplained).toMatchObject([lost]);
  });

  it('S-36 counts a partition that was lost whole for the bot whose producer it was', async () => {
    const instance_name = ownInstance();
    const producer = `p-${randomUUID()}`;
    const send = (at: number, partition: number, incarnation = 1) => {
      const producer_id = `${producer}/${incarnation}`;
      const marks = { producer_id, producer_sequence: String(at) };
      return rig.send({
        ...rig.avro(botEvent('risk_decision', { instance_name }), marks),
        partition,
      });
    };
    const topic = rig.names.physical('orders');
    await send(1, 0);
    await send(1, 1);
    await send(2, 1);
    // An earlier incarnation says whose a later one is, of which nothing came.
    await send(1, 1, 2);
    const ends = await admin.offsets(topic);
    await admin.deleteRecords(topic, 1, ends[1]?.end ?? 0);
    await rig.send(sentOf(`${producer}/1`, [1, 2]), sentOf(`${producer}/2`, [0, 1]));
    await rig.drain();
    const { total, instances, unexplained } = await reportOf(`instance=${instance_name}`);
    expect(total).toMatchObject({ source: 4, stored: 1, unexplained: 3 });
    expect((instances[instance_name] as BotReport).total.unexplained).toBe(3);
    const own = unexplained.filter(({ instance }) => instance === instance_name);
    expect(own).toMatchObject([
      { producer: `${producer}/1`, partition: 1, sequence: 1, last_sequence: 2, count: 2 },
      { producer: `${producer}/2`, partition: 1, sequence: 1, count: 1 },
    ]);
    const other = await reportOf(`instance=${ownInstance()}`);
    expect(other.unexplained.map(({ producer: id }) => id)).not.toContain(`${producer}/1`);
  });

  it('S-36 names no bot for what a producer of several lost, in whatever order they came', async () => {
    const [one, two] = [ownInstance(), ownInstance()];
    const producer_id = `p-${randomUUID()}/1`;
    const send = (at: number, instance_name: string) => {
      const marks = { producer_id, producer_sequence: String(at) };
      const event = botEvent('risk_decision', { instance_name });
      return rig.send({ ...rig.avro(event, marks), partition: 0 });
    };
    await send(1, one);
    await rig.drain();
    await send(3, two);
    await rig.drain();
    await send(5, one);
    await rig.drain();
    for (const instance of [one, two]) {
      const { total, unexplained } = await reportOf(`instance=${instance}`);
      expect(total.unexplained).toBe(0);
      const own = unexplained.filter(({ producer }) => producer === producer_id);
      expect(own).toMatchObject([
        { sequence: 2, instance: null },
        { sequence: 4, instance: null },
      ]);
    }
  });

  it('S-36 counts a whole partition that was removed, by what the gateway says was acknowledged', async () => {
    const producerId = `http-${randomUUID()}`;
    const other = new MarkedPublisher({
      producer: rig.producer,
      names: rig.names,
      producerId,
      nowMs: Date.now,
    });
    const record = { ...rig.avro(botEvent('risk_decision')), partition: 1 };
    await other.send([record]);
    await other.close();
    const topic = rig.names.physical('orders');
    const ends = await admin.offsets(topic);
    await admin.deleteRecords(topic, 1, ends[1]?.end ?? 0);
    await rig.drain();
    const { unexplained } = await reportOf();
    expect(unexplained.filter(({ producer }) => producer.startsWith(producerId))).toMatchObject([
      { partition: 1, sequence: 1, count: 1, instance: null },
    ]);
  });

  it('S-14 gives a chain in the order of its times', async () => {
    const risk = botEvent('risk_decision');
    const correlation_id = String(risk['event_id']);
    await post([
      botEvent('order_created', { correlation_id, ts_utc: '2026-01-02T03:04:06Z' }),
      risk,
    ]);
    await rig.drain();
    const answer = await gateway.call({ url: `/bots/chains/${correlation_id}` });
    expect(answer.json()).toMatchObject({
      correlation_id,
      events: [{ event_type: 'risk_decision' }, { event_type: 'order_created' }],
    });
    const none = await gateway.call({ url: `/bots/chains/${randomUUID()}` });
    expect(none.json()).toMatchObject({ code: 'UNKNOWN_CORRELATION' });
  });
});
