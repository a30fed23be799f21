import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type WebSocket, WebSocketServer } from 'ws';
import { bareConsumer } from './bare-client.ts';

/*
 * The floor of the stream: a consumer of one topic that hands each record to the sockets which asked for its correlation, or for
 * its type. No schemas, no positions, no queue for who reads slowly, no pings.
 * Settings: KAFKA_BROKERS, TWIN_TOPIC, HEALTH_PORT, where it listens. Its topic exists when it starts.
 */

interface RawStreamOptions {
  readonly brokers: string[];
  readonly topic: string;
  readonly port: number;
}

/** Resolves when it listens and reads; `port`: 0 takes a free one. */
export async function startRawStream({ brokers, topic, port }: RawStreamOptions): Promise<{
  readonly port: number;
  close(): Promise<void>;
}> {
  const wanted = new Map<string, Set<WebSocket>>();
  const http = createServer((_request, response) => response.end('{}'));
  const sockets = new WebSocketServer({ server: http });
  sockets.on('connection', (socket) => {
    socket.on('message', (data) => {
      const { topics, correlationId } = JSON.parse(String(data)) as Wish;
      const key = correlationId ?? topics[0] ?? '';
      const there = wanted.get(key) ?? new Set();
      wanted.set(key, there.add(socket));
      socket.send('{"type":"subscribed"}');
    });
  });
  const groupId = `raw-stream-${crypto.randomUUID()}`;
  const consumer = bareConsumer({ clientId: 'raw-stream', brokers, groupId });
  const stream = await consumer.consume({ topics: [topic], mode: 'latest', fallbackMode: 'fail' });
  stream.on('data', ({ headers, value }) => {
    const type = headers.get('event_type') ?? '';
    const correlationId = headers.get('correlation_id') ?? '';
    const payload = { planId: headers.get('due'), intentId: headers.get('mark') };
    const event = { topic: type, correlationId, payload, value: value.toString('base64') };
    const text = JSON.stringify({ type: 'event', event });
    for (const key of [correlationId, type])
      for (const socket of wanted.get(key) ?? []) socket.send(text);
  });
  await new Promise<void>((resolve) => http.listen(port, '127.0.0.1', resolve));
  return {
    port: (http.address() as AddressInfo).port,
    close: async () => {
      for (const socket of sockets.clients) socket.terminate();
      await consumer.close(true);
      await new Promise((resolve) => http.close(resolve));
    },
  };
}

interface Wish {
  readonly topics: readonly string[];
  readonly correlationId: string | null;
}

if (import.meta.main) {
  const { KAFKA_BROKERS = '', TWIN_TOPIC = '', HEALTH_PORT } = process.env;
  const brokers = KAFKA_BROKERS.split(',');
  await startRawStream({ brokers, topic: TWIN_TOPIC, port: Number(HEALTH_PORT) });
  process.once('SIGTERM', () => process.exit(0));
}
