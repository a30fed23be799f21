import { Registry } from 'prom-client';
import { beforeEach, describe, expect, it } from 'vitest';
import { botMetrics, botObserver } from '../../apps/bot-metrics.ts';
import { BOT_TOPIC, readBotRecord } from '../../apps/bot-record.ts';
import type { BotReject, BotRow } from '../../connectors/postgres/index.ts';
import { AvroCodec, BOT_RECORDS } from '../../avro/index.ts';
import { botEvent, botEventWith, jsonBytes } from '../support/bot-events.ts';

const NOW_MICROS = Date.UTC(2026, 0, 2, 3, 4, 5) * 1000;
const codec = AvroCodec.offline({ subjects: BOT_RECORDS });

let registry: Registry;
let observer: ReturnType<typeof botObserver>;
beforeEach(() => {
  registry = new Registry();
  observer = botObserver(botMetrics([registry]), () => NOW_MICROS);
});

function read(event: unknown, headers: Readonly<Record<string, string>> = {}) {
  const place = { topic: BOT_TOPIC.json, partition: 0, offset: 0, leaderEpoch: 0, timestampMs: 0 };
  return readBotRecord({ ...place, key: null, value: jsonBytes(event), headers }, codec);
}

function stored(...events: readonly unknown[]): void {
  const rows = events.map((event) => read(event).row as BotRow);
  observer.stored({ stored: rows, duplicates: [], conflicts: [], redelivered: 0 }, []);
}

/** As it is scraped; undefined: no such line. */
async function scraped(name: string, labels: string): Promise<number | undefined> {
  const line = (await registry.metrics())
    .split('\n')
    .find((each) => each.startsWith(`${name}{${labels}} `) || each.startsWith(`${name} `));
  return line === undefined ? undefined : Number(line.split(' ').at(-1));
}

const at = (seconds: number): string => new Date(NOW_MICROS / 1000 + seconds * 1000).toISOString();

describe('the metrics of bots', () => {
  it('S-39 millrace_bot_event_lag_seconds: three seconds are three, and a clock ahead is below zero', async () => {
    const name = 'millrace_bot_event_lag_seconds';
    stored(botEvent('order_filled', { ts_utc: at(-3) }));
    stored(botEvent('risk_decision', { ts_utc: at(5 * 3_600) }));
    expect(await scraped(`${name}_sum`, 'type="order_filled"')).toBeCloseTo(3);
    expect(await scraped(`${name}_bucket`, 'le="1",type="order_filled"')).toBe(0);
    expect(await scraped(`${name}_bucket`, 'le="3",type="order_filled"')).toBe(1);
    expect(await scraped(`${name}_sum`, 'type="risk_decision"')).toBeCloseTo(-5 * 3_600);
    expect(await scraped(`${name}_bucket`, 'le="-3600",type="risk_decision"')).toBe(1);
    expect(await scraped(`${name}_bucket`, 'le="-86400",type="risk_decision"')).toBe(0);
  });

  it('S-36 S-37 S-38 count by type, way in and outcome, and what came without a correlation id', async () => {
    const fill = read(botEvent('order_filled')).row as BotRow;
    const empty = read(botEvent('order_filled', { correlation_id: '' })).row as BotRow;
    const absent = botEventWith('order_filled', { liquidity_side: 'x' });
    const bad = [
      read({ ...absent, correlation_id: undefined }).reject,
      read({ ...botEvent('order_filled'), event_type: 'made_up' }).reject,
    ] as BotReject[];
    observer.stored(
      { stored: [fill, empty], duplicates: [fill], conflicts: [fill, fill], redelivered: 4 },
      bad,
    );
    const count = (type: string, outcome: string) =>
      scraped(
        'millrace_bot_events_total',
        `type="${type}",source="kafka_json",outcome="${outcome}"`,
      );
    expect(await count('order_filled', 'stored')).toBe(2);
    expect(await count('order_filled', 'duplicate')).toBe(1);
    expect(await count('order_filled', 'conflict')).toBe(2);
    expect(await count('order_filled', 'invalid')).toBe(1);
    expect(await count('unknown', 'invalid')).toBe(1);
    expect(await scraped('millrace_bot_missing_correlation_total', 'type="order_filled"')).toBe(2);
    expect(await scraped('millrace_bot_redelivered_total', '')).toBe(4);
  });

  it('S-01 count orders, live and on paper', async () => {
    const paper = { connector_name: 'bitget_paper_trade' };
    stored(botEvent('order_created'), botEvent('order_filled'), botEvent('order_filled'));
    stored(botEvent('order_created', paper), botEvent('order_failed', paper));
    const count = (event: string, venue: string) =>
      scraped('millrace_bot_orders_total', `event="${event}",venue="${venue}"`);
    expect(await count('created', 'live')).toBe(1);
    expect(await count('filled', 'live')).toBe(2);
    expect(await count('created', 'paper')).toBe(1);
    expect(await count('failed', 'paper')).toBe(1);
    expect(await count('filled', 'paper')).toBe(undefined);
  });

  it('S-01 count instances by the state of their last snapshot, late ones or not', async () => {
    const snapshot = (instance_name: string, state: string, seconds: number) => ({
      ...botEventWith('state_snapshot', { state }),
      instance_name,
      ts_utc: at(seconds),
    });
    const count = (state: string) => scraped('millrace_bot_instances', `state="${state}"`);
    expect(await count('running')).toBe(0);
    stored(snapshot('a', 'running', -9), snapshot('b', 'running', -9));
    stored(snapshot('a', 'hard_stop', -5), snapshot('a', 'soft_pause', -7));
    expect([await count('running'), await count('soft_pause'), await count('hard_stop')]).toEqual([
      1, 0, 1,
    ]);
  });
});
