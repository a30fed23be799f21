import type { WebSocket } from 'ws';
import { Wake } from '../../kafka/wait.ts';
import { catchUp } from './catch-up.ts';
import {
  CLIENT_SUBSCRIPTIONS,
  CLIENT_TOPICS,
  type MessageError,
  parseMessage,
  type SubscribeMessage,
} from './client-message.ts';
import { ClientQueue, QUEUE_EVENTS } from './client-queue.ts';
import type { EventHub, Listener, PassingEvent } from './event-hub.ts';
import type { Subscriber } from './subscription-index.ts';
import { formatPosition, parsePosition } from './stream-position.ts';
import { matches } from './topic-pattern.ts';

/** Close codes. Source: docs/reference/interfaces.md, WebSocket. */
export const CLOSE = { drain: 1001, notAllowed: 1008, tooSlow: 1013 } as const;

export interface StreamClientOptions {
  readonly socket: WebSocket;
  readonly hub: EventHub;
  readonly allowedTopics: readonly string[];
  readonly onDropped: (topic: string) => void;
}

/** Bytes handed to the socket and not yet sent; past it events wait in the queue, where they are counted. */
const SOCKET_BYTES = 64 * 1024;
/** Bytes of answers that a client leaves unread before it is cut off. */
const UNREAD_BYTES = 1024 * 1024;
/** Messages of a client that wait for their turn: one is followed after the other. */
const MESSAGES = 16;
/** A client that catches up gets more while fewer than these wait. */
const CATCH_UP_QUEUE = QUEUE_EVENTS / 2;
/** A minute without a sign of life. */
const UNANSWERED_PINGS = 4;
/** What is left in the queue at a drain has this long to go out. */
const DRAIN_MS = 1_000;

/** One connection: its subscriptions, its queue, and what it is told. */
export class StreamClient implements Listener, Subscriber {
  readonly #options: StreamClientOptions;
  readonly #queue = new ClientQueue();
  /** What ends each subscription that has caught up. */
  readonly #live: (() => void)[] = [];
  readonly #ended = new AbortController();
  /** Signalled whenever something went out; one for each that waits. */
  readonly #hasRoom = new Wake();
  readonly #hasSent = new Wake();
  /** Null until the first subscription: who asks for nothing costs nothing. */
  #leave: (() => void) | null = null;
  #turn: Promise<void> = Promise.resolve();
  #waiting = 0;
  #subscriptions = 0;
  #topics = 0;
  #position: string | null = null;
  #unanswered = 0;

  constructor(options: StreamClientOptions) {
    this.#options = options;
    const { socket } = options;
    socket.on('message', (data, isBinary) => this.#onMessage(isBinary ? null : String(data)));
    socket.on('pong', () => (this.#unanswered = 0));
    socket.on('error', () => this.end());
    socket.on('close', () => this.end());
  }

  /** Events that wait for it. */
  get queued(): number {
    return this.#queue.size;
  }

  pass(event: PassingEvent): void {
    this.#enqueue(event);
  }

  lost(): void {
    if (this.#live.length === 0) return;
    const message =
      'The log no longer held what came next; subscribe again, and read histories for what is missing';
    this.#say({ type: 'error', code: 'POSITION_LOST', message });
    this.#close(CLOSE.tooSlow, 'events were lost');
  }

  /** Every 15 s. Who leaves so many unanswered is gone, or reads nothing; one that reads again is told so. */
  ping(): void {
    if (this.#unanswered >= UNANSWERED_PINGS)
      return this.#close(CLOSE.tooSlow, 'no answer to pings');
    this.#unanswered += 1;
    this.#options.socket.ping();
  }

  /** Tells the last position, so that another gateway can go on from it. */
  async drain(): Promise<void> {
    const deadline = setTimeout(() => this.end(), DRAIN_MS);
    while (this.#queue.size > 0 && !this.#ended.signal.aborted) await this.#hasSent.wait();
    clearTimeout(deadline);
    const { offsets } = this.#options.hub;
    const position = this.#position ?? (offsets === null ? '' : formatPosition(offsets));
    // A close frame takes 123 bytes; longer positions were in the last event.
    this.#close(CLOSE.drain, position.length <= 123 ? position : 'going away');
  }

  /** Order: once the socket is closed. */
  end(): void {
    this.#leave?.();
    for (const leave of this.#live.splice(0)) leave();
    this.#ended.abort();
    this.#queue.clear();
    this.#hasSent.signal();
    this.#hasRoom.signal();
  }

  #onMessage(text: string | null): void {
    if (this.#waiting >= MESSAGES)
      return this.#close(CLOSE.notAllowed, 'too many messages at once');
    this.#waiting += 1;
    this.#turn = this.#turn
      .then(() => this.#follow(text ?? ''))
      .finally(() => (this.#waiting -= 1));
  }

  async #follow(text: string): Promise<void> {
    if (this.#ended.signal.aborted) return;
    const message = parseMessage(text, this.#options.allowedTopics);
    if ('code' in message) return this.#refuse(message);
    this.#subscriptions += 1;
    this.#topics += message.topics.length;
    if (this.#subscriptions > CLIENT_SUBSCRIPTIONS || this.#topics > CLIENT_TOPICS)
      return this.#refuse({
        code: 'TOO_MANY_TOPICS',
        message: `A connection has at most ${CLIENT_SUBSCRIPTIONS} subscriptions with ${CLIENT_TOPICS} topics in all; open another one`,
      });
    await this.#subscribe(message);
  }

  async #subscribe(message: SubscribeMessage): Promise<void> {
    const { hub } = this.#options;
    this.#leave ??= hub.listen(this);
    while (hub.offsets === null && !this.#ended.signal.aborted) await hub.moved();
    if (hub.offsets === null) return;
    const { topics, resume } = message;
    const from = resume === null ? null : parsePosition(resume, hub.offsets);
    if (resume !== null && from === null)
      return this.#refuse({
        code: 'BAD_POSITION',
        message: 'resume is no position of this stream; give that of an event, or leave it out',
      });
    const position = resume ?? formatPosition(hub.offsets);
    this.#say({ type: 'subscribed', topics, position });
    const join = (): void => {
      if (!this.#ended.signal.aborted) this.#live.push(hub.subscribe(this, message));
    };
    if (from === null) return join();
    const isThere = await catchUp({
      hub,
      from,
      signal: this.#ended.signal,
      join,
      pass: (event) => {
        if (isFor(message, event)) this.#enqueue(event);
      },
      room: async () => {
        while (this.#queue.size >= CATCH_UP_QUEUE && !this.#ended.signal.aborted)
          await this.#hasRoom.wait();
      },
    });
    if (isThere) return;
    this.#refuse({
      code: 'POSITION_LOST',
      message:
        'The log does not hold what comes after that position; subscribe without it, and read histories for what is missing',
    });
  }

  #refuse({ code, message }: MessageError): void {
    this.#say({ type: 'error', code, message });
    if (code === 'TOPIC_NOT_ALLOWED') this.#close(CLOSE.notAllowed, 'topic not allowed');
  }

  #enqueue(event: PassingEvent): void {
    const frame = event.frame();
    if (frame === null || this.#ended.signal.aborted) return;
    const { isTaken, dropped } = this.#queue.push(frame);
    if (dropped !== null) this.#options.onDropped(dropped);
    if (!isTaken) return this.#close(CLOSE.tooSlow, 'too slow');
    this.#pump();
  }

  #pump(): void {
    const { socket } = this.#options;
    while (this.#queue.size > 0 && socket.bufferedAmount < SOCKET_BYTES) {
      for (const [topic, count] of this.#queue.takeDropped())
        this.#say({ type: 'dropped', topic, count });
      const frame = this.#queue.shift();
      if (frame === undefined) return;
      this.#position = frame.position;
      socket.send(frame.text, () => {
        this.#hasSent.signal();
        this.#hasRoom.signal();
        if (!this.#ended.signal.aborted) this.#pump();
      });
    }
  }

  #say(frame: object): void {
    const { socket } = this.#options;
    // Somebody who asks on and on and reads nothing is not waited for.
    if (socket.bufferedAmount > UNREAD_BYTES) return socket.terminate();
    socket.send(JSON.stringify(frame), () => undefined);
  }

  #close(code: number, reason: string): void {
    this.end();
    this.#options.socket.close(code, reason);
  }
}

function isFor({ topics, correlationId }: SubscribeMessage, event: PassingEvent): boolean {
  if (correlationId !== null && correlationId !== event.correlationId) return false;
  return topics.some((pattern) => matches(pattern, event.type));
}
