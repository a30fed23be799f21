import { createHash, randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { AvroCodec, extendSchemas, loadSchemas, type NamedSchema } from '../../avro/index.ts';
import { runCommand } from '../../cli/main.ts';
import { botReportRows, StoreError } from '../../connectors/postgres/index.ts';
import { BotRig } from '../support/bot-rig.ts';
import { botEvent, botEventWith, jsonBytes } from '../support/bot-events.ts';

let rig: BotRig;
beforeAll(async () => {
  rig = await BotRig.open('bots-store');
}, 60_000);
afterAll(() => rig?.close());

/** An instance of a test's own, so that the tests do not see each other's rows. */
const ownInstance = (): string => `bot-${randomUUID().slice(0, 8)}`;

async function reportOf(instance: string) {
  const query = { from: null, to: null, instance };
  return botReportRows(rig.events.database, query);
}

interface Stored {
  readonly raw: Buffer;
  readonly raw_format: string;
  readonly ingest_source: string;
  readonly schema_validation_status: string;
  readonly correlation_id: string;
  readonly payload: Record<string, unknown>;
  readonly lag: number;
}

const storedOf = (eventId: unknown): Promise<Stored[]> =>
  rig.database.query<Stored & Record<string, unknown>>(
    'SELECT *, extract(epoch FROM ingest_ts_utc - ts_utc)::float8 AS lag FROM bot_events WHERE event_id = $1',
    [eventId],
  );

describe('the store of bot events', () => {
  it('S-36 S-41 S-29 stores what is new, explains the rest, and sends what is invalid to its dead letters', async () => {
    const instance_name = ownInstance();
    const fills = Array.from({ length: 10 }, () => botEvent('order_filled', { instance_name }));
    const [first = {}, second = {}] = fills;
    const conflict = { ...second, payload: { ...(second['payload'] as object), fill_price: '1' } };
    const invalid = botEventWith('order_filled', { liquidity_side: 'both' });
    const bad = jsonBytes({ ...invalid, instance_name });
    await rig.send(...fills.map((event) => rig.avro(event)), rig.avro(first), rig.json(conflict));
    await rig.send(rig.json(bad, { traceparent: 'kept' }));
    await rig.drain();
    const { counts } = await reportOf(instance_name);
    const sum = (name: 'stored' | 'duplicate' | 'conflict' | 'invalid') =>
      counts.reduce((total, row) => total + row[name], 0);
    expect([sum('stored'), sum('duplicate'), sum('conflict'), sum('invalid')]).toEqual([
      10, 1, 1, 1,
    ]);
    const [kept] = await storedOf(second['event_id']);
    expect(kept?.payload['fill_price']).toBe('65000.10');
    const letters = await rig.recordsOf('dlq.order_filled');
    const own = letters.filter(({ headers }) => headers['event_id'] === invalid['event_id']);
    expect(own).toHaveLength(1);
    expect(own[0]?.headers).toMatchObject({
      'x-error': 'NOT_ALLOWED',
      'x-error-field': 'payload.liquidity_side',
      'x-original-topic': 'orders.json',
      traceparent: 'kept',
    });
    expect(Buffer.from(own[0]?.value ?? []).equals(bad)).toBe(true);
  });

  it('S-32 S-33 S-34 keeps the bytes received, and says when and how it came', async () => {
    const event = botEvent('order_created', { ts_utc: new Date(Date.now() - 3000).toISOString() });
    const text = JSON.stringify(event).replace('"65000.10"', '65000.10');
    const sdk = rig.avro(botEvent('state_snapshot'));
    await rig.send(rig.json(text), sdk);
    await rig.drain();
    const [json] = await storedOf(event['event_id']);
    const hashOf = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');
    expect(hashOf(json?.raw ?? Buffer.alloc(0))).toBe(hashOf(Buffer.from(text)));
    expect(json).toMatchObject({ raw_format: 'json', ingest_source: 'kafka_json' });
    expect(json?.payload['price']).toBe('65000.10');
    expect(json?.lag).toBeGreaterThanOrEqual(3);
    const [avro] = await storedOf(sdk.headers['event_id']);
    expect(hashOf(avro?.raw ?? Buffer.alloc(0))).toBe(hashOf(sdk.value ?? Buffer.alloc(0)));
    expect(avro).toMatchObject({ raw_format: 'avro', ingest_source: 'kafka' });
  });

  it('S-17 S-35 S-37 gives an empty correlation the event id, marks it and counts it; keeps a lag below zero', async () => {
    const instance_name = ownInstance();
    const empty = botEvent('risk_decision', { instance_name, correlation_id: '' });
    const ahead = botEvent('risk_decision', {
      instance_name,
      ts_utc: new Date(Date.now() + 3_600_000).toISOString(),
    });
    const absent = botEvent('risk_decision', { instance_name, correlation_id: undefined });
    await rig.send(rig.json(empty), rig.json(ahead), rig.json(absent));
    await rig.drain();
    expect(await storedOf(empty['event_id'])).toMatchObject([
      { correlation_id: empty['event_id'], schema_validation_status: 'backfilled' },
    ]);
    const { counts, lags } = await reportOf(instance_name);
    expect(counts).toMatchObject([
      { stored: 2, backfilled: 1 },
      { invalid: 1, missing: 1 },
    ]);
    expect(lags.find(({ type }) => type === 'risk_decision')?.min).toBeLessThan(-3_000_000);
  });

  it('S-31 makes a query of one day and instance look at one partition', async () => {
    const instance_name = ownInstance();
    await rig.send(rig.avro(botEvent('order_created', { instance_name })));
    await rig.drain();
    const plan = await rig.database.query<{ 'QUERY PLAN': string }>(
      `EXPLAIN SELECT * FROM bot_events WHERE ts_utc >= '2026-01-02T00:00:00Z'
       AND ts_utc < '2026-01-03T00:00:00Z' AND instance_name = '${instance_name}'`,
    );
    const partitions = plan.flatMap((row) => /bot_events_\w+/.exec(row['QUERY PLAN'])?.[0] ?? []);
    expect(new Set(partitions.map((name) => name.replace(/_pkey.*$/, '')))).toEqual(
      new Set([expect.stringMatching(/^bot_events_20260102_[0-3]$/)]),
    );
  });

  it('S-30 lets nobody change or remove a row', async () => {
    for (const table of ['bot_events', 'bot_not_stored', 'bot_events_20260102_0'])
      await expect(rig.database.query(`TRUNCATE ${table}`)).rejects.toThrow(/append-only/);
    for (const change of [
      'UPDATE bot_events SET producer = $1',
      'DELETE FROM bot_events WHERE $1 <> producer',
    ])
      await expect(rig.database.query(change, ['x'])).rejects.toThrow(/append-only/);
  });

  it('S-45 S-14 stores late events, and reads a correlation by time, then as they came', async () => {
    const risk = botEvent('risk_decision');
    const correlation_id = risk['event_id'];
    const created = botEvent('order_created', { correlation_id, ts_utc: '2026-01-02T03:04:06Z' });
    const filled = botEvent('order_filled', { correlation_id, ts_utc: '2026-01-02T03:04:07Z' });
    await rig.send(rig.avro(filled), rig.avro(created), rig.avro(risk));
    await rig.drain();
    const chain = await rig.store.chain(String(correlation_id));
    expect(chain.map(({ event_type }) => event_type)).toEqual([
      'risk_decision',
      'order_created',
      'order_filled',
    ]);
  });

  it('S-21 stores two partial fills that name no fill_id', async () => {
    const instance_name = ownInstance();
    const fill = () => ({ ...botEventWith('order_filled', { fill_id: undefined }), instance_name });
    await rig.send(rig.avro(fill()), rig.avro(fill()));
    await rig.drain();
    const { fills } = await reportOf(instance_name);
    expect(fills).toMatchObject([{ client_order_id: 'c-1', fills: 2, qty_base: '0.5' }]);
  });

  it('S-25 S-29 sets aside what is no bot event at all, under the topic it came on', async () => {
    const odd = botEvent('order_expired');
    const foreign = { ...rig.avro(botEvent()), value: Buffer.from('no avro'), headers: {} };
    await rig.send(rig.json(odd), rig.json('{'), foreign);
    await rig.drain();
    const errorsOf = async (topic: string) =>
      (await rig.recordsOf(topic)).map(({ headers }) => headers['x-error']);
    expect(await errorsOf('dlq.orders.json')).toEqual(
      expect.arrayContaining(['UNKNOWN_EVENT_TYPE', 'NOT_JSON']),
    );
    expect(await errorsOf('dlq.orders')).toContain('UNDECODABLE');
  });

  it('S-31 makes partitions ahead, and takes old days out of the table but not out of the database', async () => {
    const old = botEvent('risk_decision', { ts_utc: '2025-03-01T00:00:00Z' });
    await rig.send(rig.avro(old));
    await rig.drain();
    const nowMicros = Date.parse('2026-01-10T00:00:00Z') * 1000;
    const done = await rig.store.keepPartitions({ nowMicros, daysAhead: 3, retentionDays: 200 });
    expect(done).toMatchObject({ made: 5, detached: ['bot_events_20250301'] });
    expect(await storedOf(old['event_id'])).toEqual([]);
    const kept = await rig.database.query('SELECT 1 FROM bot_events_20250301 WHERE event_id = $1', [
      old['event_id'],
    ]);
    expect(kept).toHaveLength(1);
    const late = botEvent('risk_decision', { ts_utc: '2025-03-01T12:00:00Z' });
    await rig.send(rig.avro(late));
    await rig.drain();
    expect(await storedOf(late['event_id'])).toHaveLength(1);
  });
});

describe('records that are read again', () => {
  it('S-36 S-41 change nothing, however they came', async () => {
    const instance_name = ownInstance();
    const event = botEvent('risk_decision', { instance_name });
    const bad = { ...botEventWith('risk_decision', { decision: 'deny' }), instance_name };
    await rig.send(rig.avro(event), rig.json(event), rig.json(bad));
    await rig.drain();
    const { counts } = await reportOf(instance_name);
    expect(counts).toMatchObject([
      { stored: 1, duplicate: 0 },
      { stored: 0, duplicate: 1, invalid: 1 },
    ]);
    await rig.database.query(`UPDATE positions SET next = 0 WHERE sink = 'bot-store'`);
    await rig.drain();
    expect((await reportOf(instance_name)).counts).toEqual(counts);
  });
});

describe('a store that does not take a batch', () => {
  it('S-36 gets it again, also when nothing follows it', async () => {
    const instance_name = ownInstance();
    let refused = 0;
    const failing = new Proxy(rig.store, {
      get(store, name: keyof typeof rig.store) {
        const member = store[name] as (...args: unknown[]) => unknown;
        if (name !== 'append' || refused >= 2) return member.bind(store);
        refused += 1;
        return () => Promise.reject(new StoreError('STORE_AWAY', 'away for a moment'));
      },
    });
    const events = Array.from({ length: 20 }, () => botEvent('risk_decision', { instance_name }));
    await rig.send(...events.map((event) => rig.avro(event)));
    await rig.drain(failing);
    expect(refused).toBe(2);
    expect((await reportOf(instance_name)).counts).toMatchObject([{ stored: 20, duplicate: 0 }]);
  });
});

describe('what producers say they sent', () => {
  const mark = (producer: string, sequence: number) => ({
    producer_id: producer,
    producer_sequence: String(sequence),
  });

  it('S-36 a record that never came is missing by producer and sequence, one sent twice is not', async () => {
    const instance_name = ownInstance();
    const producer = `sdk-${randomUUID()}/1`;
    const records = [1, 2, 4, 5].map((sequence) => ({
      ...rig.avro(botEvent('risk_decision', { instance_name }), mark(producer, sequence)),
      partition: 0,
    }));
    const [first] = records;
    if (!first) throw new Error('no record');
    await rig.send(...records, first);
    await rig.drain();
    const { missing, counts, redelivered } = await reportOf(instance_name);
    expect(missing).toMatchObject([
      { producer, topic: 'orders', partition: 0, first: 3, last: 3, count: 1, tail: false },
    ]);
    expect(counts).toMatchObject([{ stored: 4, duplicate: 0 }]);
    expect(redelivered).toBe(1);
    const late = rig.avro(botEvent('risk_decision', { instance_name }), mark(producer, 3));
    await rig.send({ ...late, partition: 0 });
    await rig.drain();
    expect((await reportOf(instance_name)).missing).toEqual([]);
  });

  it('S-36 a loss at the very end is missing by what the producer says was acknowledged', async () => {
    const instance_name = ownInstance();
    const producer = `sdk-${randomUUID()}/1`;
    const event = botEvent('risk_decision', { instance_name });
    const statement = { producer_id: producer, topic: 'orders', sent: [2, 0] };
    const topic = rig.names.physical('orders.sent');
    await rig.send(
      { ...rig.avro(event, mark(producer, 1)), partition: 0 },
      { topic, partition: 1, key: null, value: jsonBytes(statement), headers: {} },
    );
    await rig.drain();
    expect((await reportOf(instance_name)).missing).toMatchObject([
      { producer, partition: 0, first: 2, last: 2, count: 1, tail: true },
    ]);
  });

  it('S-36 goes on past records that were removed from the log, and says which', async () => {
    const instance_name = ownInstance();
    const producer = `sdk-${randomUUID()}/1`;
    const admin = rig.kafka.admin();
    const name = rig.names.physical('orders');
    const [before] = await admin.offsets(name);
    for (const sequence of [1, 2, 3])
      await rig.send({
        ...rig.avro(botEvent('risk_decision', { instance_name }), mark(producer, sequence)),
        partition: 0,
      });
    const at = before?.end ?? 0;
    await admin.deleteRecords(name, 0, at + 1);
    await admin.close();
    await rig.drain();
    const { missing, counts } = await reportOf(instance_name);
    expect(missing).toMatchObject([{ producer, first: 1, last: 1, count: 1 }]);
    expect(counts).toMatchObject([{ stored: 2 }]);
    const everything = { from: null, to: null, instance: null };
    const { gaps } = await botReportRows(rig.events.database, everything);
    expect(gaps).toMatchObject([{ topic: 'orders', partition: 0, from: at, to: at + 1 }]);
  });
});

describe('millrace schema check --records', () => {
  const check = async () => {
    const lines: string[] = [];
    const io = {
      out: (line: string) => lines.push(line),
      err: (line: string) => lines.push(line),
      env: { ...process.env, TOPIC_PREFIX: own.names.prefix },
    };
    const code = await runCommand(['schema', 'check', '--records'], io);
    return { code, text: lines.join('\n') };
  };
  let own: BotRig;
  beforeAll(async () => {
    own = await BotRig.open('bots-schema');
  }, 60_000);
  afterAll(() => own?.close());

  it('S-44 reads the oldest records by the schemas of today, and says which it cannot', async () => {
    const record = { ...own.avro(botEvent('order_filled')), partition: 0 };
    // As a version wrote it that had one optional key more.
    const schemas = loadSchemas();
    const written = schemas.get('millrace.bots.v1.OrderFilled');
    const text = JSON.stringify(written).replace(
      '{"name":"fill_id"',
      '{"name":"venue","type":["null","string"],"default":null},{"name":"fill_id"',
    );
    const later = await AvroCodec.start({
      registryUrl: process.env['SCHEMA_REGISTRY_URL'] ?? '',
      topicPrefix: own.names.prefix,
      subjects: [{ topic: 'orders', record: 'millrace.bots.v1.OrderFilled' }],
      schemas: extendSchemas(schemas, [JSON.parse(text) as NamedSchema]),
    });
    const { value } = own.codec.decode(record.value ?? Buffer.alloc(0));
    const bytes = later.encode('orders', 'millrace.bots.v1.OrderFilled', value);
    await own.send({ ...record, value: bytes });
    expect(await check()).toMatchObject({
      code: 0,
      text: expect.stringContaining('1 of 1 oldest records can be read') as string,
    });
    await own.send({ ...record, partition: 1, value: Buffer.from('no avro at all') });
    expect(await check()).toMatchObject({
      code: 1,
      text: expect.stringContaining('orders/1 at 0 cannot be read') as string,
    });
  });
});
