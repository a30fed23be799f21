import { hash, randomUUID } from 'node:crypto';
import type { BotRow } from '../../connectors/postgres/index.ts';
import { payloadOf } from '../bots/load.ts';

/** Fills of ten bots, as the sink of bots makes rows of their records; of one partition, in its order. */
export function botRows(count: number, partition: number): readonly BotRow[] {
  const now = Date.now() * 1_000;
  const producer = `bench-${randomUUID()}/1`;
  return Array.from({ length: count }, (_, index) =>
    rowOf(index, { producer, partition, tsMicros: now + index }),
  );
}

interface Origin {
  readonly producer: string;
  readonly partition: number;
  readonly tsMicros: number;
}

function rowOf(offset: number, { producer, partition, tsMicros }: Origin): BotRow {
  const eventId = randomUUID();
  const payload = JSON.stringify(payloadOf(offset));
  return {
    topic: 'orders',
    partition,
    offset,
    ingestSource: 'kafka',
    mark: { producer, sequence: offset + 1 },
    eventId,
    eventType: 'order_filled',
    eventVersion: 1,
    tsMicros,
    producer: 'bench',
    instanceName: `bench-${offset % 10}`,
    controllerId: 'market_maker_v1',
    connectorName: 'bitget_paper_trade',
    tradingPair: 'BTC-USDT',
    correlationId: eventId,
    causationId: null,
    payload,
    raw: Buffer.from(`${eventId}${payload}`),
    rawFormat: 'avro',
    contentHash: hash('sha256', payload, 'buffer').subarray(0, 16),
    status: 'valid',
  };
}
