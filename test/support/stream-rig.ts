import { createServer, type Server } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { WebSocket } from 'ws';
import { createLog } from '../../apps/log.ts';
import { createMetrics } from '../../apps/metrics.ts';
import {
  AvroCodec,
  envelope,
  eventDefinition,
  eventHeaders,
  eventTopics,
} from '../../avro/index.ts';
import { CATALOGUE_RECORDS } from '../../avro/index.ts';
import { StreamServer, type StreamServerOptions } from '../../gateway/index.ts';
import type { KafkaClient, RecordToSend } from '../../kafka/client.ts';
import { partitionOf } from '../../kafka/partitioner.ts';
import { eventually } from './eventually.ts';

export const STREAM_PARTITIONS = 2;

export interface Frame {
  readonly type: 'subscribed' | 'event' | 'dropped' | 'error';
  readonly topics?: readonly string[];
  readonly position?: string;
  readonly event?: {
    readonly topic: string;
    readonly correlationId: string;
    readonly payload: object;
  };
  readonly topic?: string;
  readonly count?: number;
  readonly code?: string;
  readonly message?: string;
}

/** A gateway's stream over any Kafka, with topics of its own. */
export class StreamRig {
  readonly stream: StreamServer;
  readonly metrics = createMetrics();
  readonly kafka: KafkaClient;
  readonly #server: Server;
  /** Of its topics. */
  readonly prefix: string;
  readonly #codec = AvroCodec.offline({ subjects: CATALOGUE_RECORDS });
  readonly #clients: StreamTestClient[] = [];
  #sent = 0;

  private constructor(kafka: KafkaClient, prefix: string, options: Partial<StreamServerOptions>) {
    this.kafka = kafka;
    this.prefix = prefix;
    this.stream = new StreamServer({
      kafka,
      admin: kafka.admin(),
      codec: this.#codec,
      topics: eventTopics().map((topic) => prefix + topic),
      allowedTopics: ['intent.*', 'plan.*', 'exec.*', 'market.*', 'risk.approved'],
      authorize: () => true,
      metrics: this.metrics,
      log: createLog({ app: 'gateway', instanceId: '1', level: 'silent' }),
      ...options,
    });
    this.#server = createServer((_request, response) => response.end());
    this.stream.attach(this.#server);
  }

  static async start(
    kafka: KafkaClient,
    prefix: string,
    options: Partial<StreamServerOptions> = {},
  ): Promise<StreamRig> {
    const admin = kafka.admin();
    for (const topic of eventTopics()) {
      const settings = { partitions: STREAM_PARTITIONS, replicationFactor: 1, configs: {} };
      await admin.createTopic({ name: prefix + topic, ...settings }).catch((error: unknown) => {
        if ((error as { code?: string }).code !== 'TOPIC_ALREADY_EXISTS') throw error;
      });
    }
    await admin.close();
    const rig = new StreamRig(kafka, prefix, options);
    await new Promise<void>((resolve) => rig.#server.listen(0, '127.0.0.1', resolve));
    return rig;
  }

  get url(): string {
    return `ws://127.0.0.1:${(this.#server.address() as AddressInfo).port}/stream`;
  }

  /** The metric, as it was measured last. */
  async queueLength(): Promise<number> {
    return (await this.metrics.wsQueueLength.get()).values[0]?.value ?? 0;
  }

  async connect(): Promise<StreamTestClient> {
    const client = await StreamTestClient.open(this.url);
    this.#clients.push(client);
    return client;
  }

  /** Puts events on the log; each carries its number in the payload's `mark`. */
  async publish(
    type: string,
    correlationId: string,
    count = 1,
    extra: Readonly<Record<string, unknown>> = {},
  ): Promise<void> {
    const { topic, record } = eventDefinition(type);
    const producer = this.kafka.producer();
    const key = Buffer.from(correlationId);
    const records = Array.from({ length: count }, (): RecordToSend => {
      const mark = this.#sent++;
      const payload = { ...PAYLOADS[type.split('.')[0] ?? ''], mark, ...extra };
      const event = envelope(type, payload, { correlationId, sequence: 1 });
      return {
        topic: this.prefix + topic,
        partition: partitionOf(key, STREAM_PARTITIONS),
        key,
        value: this.#codec.encode(topic, record, event),
        headers: eventHeaders(event.envelope),
      };
    });
    for (let from = 0; from < records.length; from += 500)
      await producer.send(records.slice(from, from + 500));
    await producer.close();
  }

  async stop(): Promise<void> {
    for (const client of this.#clients) client.terminate();
    await this.stream.close();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }
}

/** Payloads of one event of each family that the tests publish. */
const PAYLOADS: Readonly<Record<string, Readonly<Record<string, unknown>>>> = {
  exec: { planId: 'p', intentId: 'i', stepIndex: 0, amountOut: '1', txHash: '0x1' },
  risk: { intentId: 'i', approved: true },
  market: {
    poolId: 'WETH/USDC',
    base: 'WETH',
    quote: 'USDC',
    chainId: 1,
    fee: 500,
    sqrtPriceX96: '1',
    liquidity: '1',
    tick: 0,
    tickSpacing: 10,
    blockNumber: 1,
    observedAt: 0,
  },
};

/** A client that keeps what it is told. */
export class StreamTestClient {
  readonly frames: Frame[] = [];
  closed: { readonly code: number; readonly reason: string } | null = null;
  readonly #socket: WebSocket;

  private constructor(socket: WebSocket) {
    this.#socket = socket;
    socket.on('message', (data) => this.frames.push(JSON.parse(String(data)) as Frame));
    socket.on('close', (code, reason) => (this.closed = { code, reason: reason.toString() }));
    socket.on('error', () => undefined);
  }

  static async open(url: string): Promise<StreamTestClient> {
    const client = new StreamTestClient(new WebSocket(url));
    await eventually('the socket is open', () => client.#socket.readyState !== 0);
    return client;
  }

  get isOpen(): boolean {
    return this.#socket.readyState === WebSocket.OPEN;
  }

  get events(): readonly Frame[] {
    return this.frames.filter(({ type }) => type === 'event');
  }

  /** Numbers that `publish` gave the events which came. */
  get marks(): readonly number[] {
    return this.events.map(({ event }) => (event?.payload as { readonly mark: number }).mark);
  }

  get errors(): readonly string[] {
    return this.frames.flatMap(({ code }) => code ?? []);
  }

  send(message: object | string): void {
    this.#socket.send(typeof message === 'string' ? message : JSON.stringify(message));
  }

  /** Resolves when the subscription stands. */
  async subscribe(message: {
    readonly topics: readonly string[];
    readonly correlationId?: string;
    readonly resume?: string;
  }): Promise<Frame> {
    const before = this.subscribed.length;
    this.send({ type: 'subscribe', ...message });
    await eventually('it is subscribed', () => this.subscribed.length > before);
    return this.subscribed[before] as Frame;
  }

  get subscribed(): readonly Frame[] {
    return this.frames.filter(({ type }) => type === 'subscribed');
  }

  stopReading(): void {
    this.#raw.pause();
  }

  readAgain(): void {
    this.#raw.resume();
  }

  terminate(): void {
    this.#socket.terminate();
  }

  get #raw(): Socket {
    return (this.#socket as unknown as { readonly _socket: Socket })._socket;
  }
}
