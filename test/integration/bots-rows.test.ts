import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CHAIN } from '../../connectors/postgres/bot-store.ts';
import { botReportRows } from '../../connectors/postgres/index.ts';
import { BotIntake } from '../../gateway/index.ts';
import { partitionOf } from '../../kafka/partitioner.ts';
import { botEvent, botEventWith, jsonBytes } from '../support/bot-events.ts';
import { BotRig } from '../support/bot-rig.ts';

let rig: BotRig;
beforeAll(async () => {
  rig = await BotRig.open('bots-rows');
}, 60_000);
afterAll(() => rig?.close());

const ownInstance = (): string => `bot-${randomUUID().slice(0, 8)}`;

interface Stored {
  readonly raw: Buffer;
  readonly payload: Record<string, unknown>;
}

const storedOf = (eventId: unknown): Promise<Stored[]> =>
  rig.database.query<Stored & Record<string, unknown>>(
    'SELECT * FROM bot_events WHERE event_id = $1',
    [eventId],
  );

describe('rows of the store of bots', () => {
  it('S-14 S-31 looks at the partitions of a correlation’s own days alone', async () => {
    const instance_name = ownInstance();
    const of = (ts_utc: string, change: object = {}) =>
      botEvent('order_filled', { instance_name, ts_utc, ...change });
    const risk = of('2026-02-03T23:59:59Z');
    const correlation_id = risk['event_id'];
    const late = of('2026-02-04T00:00:01Z', { correlation_id });
    const others = ['01', '02', '05', '06'].map((day) => of(`2026-02-${day}T12:00:00Z`));
    await rig.send(...[risk, late, ...others].map((event) => rig.avro(event)));
    await rig.drain();
    const plan = await rig.events.database.query<{ 'QUERY PLAN': string }>(
      'explaining',
      `EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF) ${CHAIN}`,
      [correlation_id, 10],
    );
    const scans = plan
      .map((row) => row['QUERY PLAN'])
      .filter((line) => /Scan.* on bot_events_\d{8}/.test(line));
    const days = (lines: readonly string[]) =>
      new Set(lines.map((line) => /on bot_events_(\d{8})/.exec(line)?.[1]));
    const isRun = (line: string): boolean => !line.includes('never executed');
    expect(days(scans.filter(isRun))).toEqual(new Set(['20260203', '20260204']));
    const removed = plan.some((row) => row['QUERY PLAN'].includes('Subplans Removed'));
    expect(removed || scans.some((line) => !isRun(line))).toBe(true);
  });

  it('S-28 keeps a key that no rule knows, from the record to the store and back', async () => {
    const payload = { ...(botEvent('order_created')['payload'] as object), foo: { a: [1, 2] } };
    const event = botEvent('order_created', { payload });
    const record = rig.avro(event);
    await rig.send(record);
    await rig.drain();
    const [stored] = await storedOf(event['event_id']);
    expect(stored?.payload['foo']).toEqual({ a: [1, 2] });
    const [chained] = await rig.store.chain(String(event['correlation_id']));
    expect((chained?.payload as { foo: unknown }).foo).toEqual({ a: [1, 2] });
    const onTopic = (await rig.recordsOf('orders')).find(
      ({ headers }) => headers['event_id'] === event['event_id'],
    );
    const { payload_extra } = rig.codec.decode(onTopic?.value ?? new Uint8Array()).value as {
      readonly payload_extra: Readonly<Record<string, string>>;
    };
    expect(payload_extra).toEqual({ foo: '{"a":[1,2]}' });
  });

  it('S-32 S-34 S-35 keeps bytes and columns of every way in, and how it came and was judged', async () => {
    const instance_name = ownInstance();
    const made = (change: object = {}) => {
      const text = JSON.stringify(botEvent('order_created', { instance_name, ...change }));
      // Another order of keys, and a number that a double would not keep.
      return text.replace('"65000.10"', '1.10').replace('{', '{ "zz": 1, ');
    };
    const send = async (source: 'http' | 'legacy_file', text: string) => {
      const intake = new BotIntake({ ...rig, partitions: 2, partitionOf, source });
      await rig.send(...intake.take([Buffer.from(text)], 0).records.map(({ record }) => record));
    };
    const ways = {
      http: made(),
      legacy_file: made({ correlation_id: undefined }),
      kafka_json: made(),
    };
    await send('http', ways.http);
    await send('legacy_file', ways.legacy_file);
    await rig.send(rig.json(ways.kafka_json));
    const bad = botEventWith('order_created', { side: 'long' });
    await rig.send(rig.json({ ...bad, instance_name }));
    await rig.drain();
    for (const [source, text] of Object.entries(ways)) {
      const event = JSON.parse(text) as Record<string, string>;
      const rows = await rig.database.query<Stored & Record<string, unknown>>(
        `SELECT *, to_char(ts_utc AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS') AS second FROM bot_events
         WHERE instance_name = $1 AND ingest_source = $2 AND event_type = 'order_created' AND producer = $3
           AND controller_id = $4 AND connector_name = $5 AND trading_pair = $6 AND correlation_id = $7`,
        [
          instance_name,
          source,
          event['producer'],
          event['controller_id'],
          event['connector_name'],
          event['trading_pair'],
          event['correlation_id'] ?? event['event_id'],
        ],
      );
      expect(rows, source).toHaveLength(1);
      expect(rows[0]?.raw.equals(Buffer.from(text)), source).toBe(true);
      expect(rows[0]).toMatchObject({
        second: event['ts_utc']?.slice(0, 19),
        schema_validation_status: source === 'legacy_file' ? 'backfilled' : 'valid',
      });
      expect(rows[0]?.payload['price']).toBe('1.10');
    }
    expect(
      await rig.database.query(
        `SELECT schema_validation_status AS status, ingest_source AS source, code FROM bot_not_stored WHERE event_id = $1`,
        [bad['event_id']],
      ),
    ).toEqual([{ status: 'invalid', source: 'kafka_json', code: 'NOT_ALLOWED' }]);
  });

  it('S-29 stores the good ones of a batch of five, and sends the other two to their dead letters with the reason', async () => {
    const instance_name = ownInstance();
    const good = () => jsonBytes(botEvent('risk_decision', { instance_name }));
    const bad = ['deny', 'maybe'].map((decision): Readonly<Record<string, unknown>> => {
      return { ...botEventWith('risk_decision', { decision }), instance_name };
    });
    const [one, two] = bad.map((event) => jsonBytes(event)) as [Buffer, Buffer];
    const intake = new BotIntake({ ...rig, partitions: 2, partitionOf, source: 'http' });
    const { records, rejected } = intake.take([good(), one, good(), two, good()], 0);
    expect(rejected.map(({ index, field }) => [index, field])).toEqual([
      [1, 'payload.decision'],
      [3, 'payload.decision'],
    ]);
    await rig.send(...records.map(({ record }) => record));
    await rig.drain();
    const query = { from: null, to: null, instance: instance_name };
    const { counts } = await botReportRows(rig.events.database, query);
    expect(counts).toMatchObject([{ stored: 3 }, { invalid: 2 }]);
    const letters = await rig.recordsOf('dlq.risk_decision');
    const own = letters.filter(({ headers }) =>
      bad.some((event) => event['event_id'] === headers['event_id']),
    );
    expect(own.map(({ headers }) => headers['x-error-message']).sort()).toEqual([
      expect.stringMatching(/^payload\.decision .*\(deny\)/),
      expect.stringMatching(/^payload\.decision .*\(maybe\)/),
    ]);
  });

  it('S-02 has subjects of exactly six events in the registry', async () => {
    const registry = process.env['SCHEMA_REGISTRY_URL'] ?? '';
    const answer = await fetch(`${registry}/subjects`);
    const subjects = (await answer.json()) as string[];
    const own = subjects.filter((subject) => subject.startsWith(rig.names.physical('orders-')));
    expect(own.map((subject) => subject.split('.').at(-1)).sort()).toEqual([
      'OrderCancelled',
      'OrderCreated',
      'OrderFailed',
      'OrderFilled',
      'RiskDecision',
      'StateSnapshot',
    ]);
  });
});
