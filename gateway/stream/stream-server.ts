import type { IncomingMessage, Server } from 'node:http';
import type { Duplex } from 'node:stream';
import { WebSocket, WebSocketServer } from 'ws';
import type { SignatureCheck } from '../access/index.ts';
import type { Authorize } from '../authorize.ts';
import { Problem, PROBLEMS } from '../problem.ts';
import { EventHub, type EventHubOptions } from './event-hub.ts';
import { StreamClient } from './stream-client.ts';

export interface StreamServerOptions extends EventHubOptions {
  /** As WS_ALLOWED_TOPICS. */
  readonly allowedTopics: readonly string[];
  readonly authorize: Authorize;
  /** Absent: X-Api-Key is believed. */
  readonly signatures?: SignatureCheck;
  readonly metrics: StreamMetrics;
  /** Between two pings of a client. Default: 15 s. */
  readonly pingMs?: number;
}

export interface StreamMetrics {
  readonly wsQueueLength: { set(length: number): void };
  readonly wsDroppedTotal: { inc(labels: { topic: string }): void };
}

const PATH = '/stream';
/** Of one message of a client; a longer one closes its socket with 1009. */
const MESSAGE_BYTES = 16 * 1024;
/** Connections at once; more are answered with 503. */
const CLIENTS = 10_000;
const PING_EVERY_MS = 15_000;
/** Clients are pinged in so many groups, one after the other: all at once would hold up events. */
const PING_GROUPS = 20;
const LOOK_EVERY_MS = 1_000;
/** A client that does not answer a close is cut off. */
const CLOSE_MS = 1_000;

/**
 * `/stream`: the bus over WebSocket, read-only.
 *
 * Order: `attach` once, before the server listens; `close` before the server does.
 * Source: docs/reference/interfaces.md, WebSocket; B-28 to B-33.
 */
export class StreamServer {
  readonly #options: StreamServerOptions;
  readonly #hub: EventHub;
  readonly #sockets = new WebSocketServer({ noServer: true, maxPayload: MESSAGE_BYTES });
  readonly #clients = new Map<WebSocket, StreamClient>();
  readonly #timers: readonly NodeJS.Timeout[];
  #closing = false;
  #pingGroup = 0;

  constructor(options: StreamServerOptions) {
    this.#options = options;
    this.#hub = new EventHub(options);
    this.#timers = [
      setInterval(() => this.#pingNext(), (options.pingMs ?? PING_EVERY_MS) / PING_GROUPS),
      setInterval(() => this.#measure(), LOOK_EVERY_MS),
    ];
    for (const timer of this.#timers) timer.unref();
  }

  attach(server: Server): void {
    server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
      socket.on('error', () => socket.destroy());
      void this.#upgrade(request, socket, head).catch(() => socket.destroy());
    });
  }

  /** Connections that are open. */
  get clients(): number {
    return this.#clients.size;
  }

  /** Those of them that were told to go and have not answered. */
  get closing(): number {
    return [...this.#clients.keys()].filter(({ readyState }) => readyState === WebSocket.CLOSING)
      .length;
  }

  /** Sends what waits, closes every socket with its last position, and stops reading. */
  async close(): Promise<void> {
    this.#closing = true;
    for (const timer of this.#timers) clearInterval(timer);
    await Promise.all([...this.#clients.values()].map((client) => client.drain()));
    const cut = setTimeout(() => {
      for (const socket of this.#clients.keys()) socket.terminate();
    }, CLOSE_MS);
    await Promise.all(
      [...this.#clients.keys()].map(
        (socket) => new Promise<void>((resolve) => socket.once('close', () => resolve())),
      ),
    );
    clearTimeout(cut);
    this.#sockets.close();
    await this.#hub.close();
  }

  async #upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): Promise<void> {
    const { pathname } = new URL(request.url ?? '/', 'http://gateway');
    if (pathname !== PATH) return refuse(socket, '404 Not Found');
    if (this.#closing || this.#clients.size >= CLIENTS)
      return refuse(socket, '503 Service Unavailable');
    const refusal = await this.#refusal(request);
    if (refusal !== null) return refuse(socket, refusal);
    const apiKey = request.headers['x-api-key'];
    const access = {
      action: 'stream.read',
      apiKey: typeof apiKey === 'string' ? apiKey : null,
    } as const;
    if (!(await this.#options.authorize(access))) return refuse(socket, '403 Forbidden');
    this.#sockets.handleUpgrade(request, socket, head, (opened) => this.#open(opened));
  }

  /** Status line for a request that is not signed as it has to be. */
  async #refusal({ headers, url = '/' }: IncomingMessage): Promise<string | null> {
    const { signatures } = this.#options;
    if (signatures === undefined) return null;
    try {
      const request = { method: 'GET', target: url, headers };
      await signatures.verify(signatures.claimOf(headers), request, new Uint8Array());
      return null;
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      return PROBLEMS[error.code].status === 401 ? '401 Unauthorized' : '503 Service Unavailable';
    }
  }

  #open(socket: WebSocket): void {
    const { allowedTopics, metrics } = this.#options;
    const client = new StreamClient({
      socket,
      hub: this.#hub,
      allowedTopics,
      onDropped: (topic) => metrics.wsDroppedTotal.inc({ topic }),
    });
    this.#clients.set(socket, client);
    socket.once('close', () => this.#clients.delete(socket));
  }

  #pingNext(): void {
    this.#pingGroup = (this.#pingGroup + 1) % PING_GROUPS;
    let number = 0;
    for (const client of this.#clients.values())
      if (number++ % PING_GROUPS === this.#pingGroup) client.ping();
  }

  #measure(): void {
    let longest = 0;
    for (const { queued } of this.#clients.values()) longest = Math.max(longest, queued);
    this.#options.metrics.wsQueueLength.set(longest);
  }
}

function refuse(socket: Duplex, status: string): void {
  socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
}
