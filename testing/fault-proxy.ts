import { connect, createServer, type Server, type Socket } from 'node:net';
import { API, errorAnswer, readProduce, type ProduceFrame } from './produce-frame.ts';

export { API, type ProduceFrame, type ProducedPartition } from './produce-frame.ts';

/**
 * What becomes of one Produce request.
 *
 * - `pass`: nothing special.
 * - `cut-after`: the broker gets it and answers; the answer is lost, the connection is reset.
 * - `cut-before`: the connection is reset instead; the broker never gets it.
 * - `swallow`: the broker never gets it and nobody answers.
 * - `mute`: the broker gets it; its answer never comes.
 * - `delayMs`: the broker gets it that much later, even when the client is gone by then.
 * - `error`: answered with this code for every partition; the broker gets it only if `appended`.
 */
export type ProduceFault =
  | 'pass'
  | 'cut-after'
  | 'cut-before'
  | 'swallow'
  | 'mute'
  | { readonly delayMs: number }
  | { readonly error: number; readonly appended?: boolean };

export type ProduceHook = (request: ProduceFrame) => ProduceFault;

/** A TCP proxy in front of one broker, through which clients reach only the proxy. */
export interface FaultProxy {
  /** Where clients connect, host:port. */
  readonly address: string;
  /** Connections of clients that are open now. */
  readonly connections: number;
  /** Asked for every Produce request from now on; the default passes. */
  onProduce(hook: ProduceHook): void;
  /** How many requests of one kind have come, from the numbers in API. */
  count(apiKey: number): number;
  /** Resets every connection (TCP RST). New ones are accepted. */
  resetAll(): void;
  /** Nothing moves any more in either direction; connections, new ones too, stay open. */
  stall(): void;
  /** Ends `stall`: what was held back moves on. */
  resume(): void;
  /** New connections are refused; open ones go on. */
  refuse(): Promise<void>;
  /** Ends `refuse`, on the same port. */
  accept(): Promise<void>;
  /** Resets everything and stops listening. */
  close(): Promise<void>;
}

/**
 * Starts a proxy on a free port of 127.0.0.1. It puts itself in place of the broker in the answers to Metadata,
 * FindCoordinator and DescribeCluster, so the broker must advertise exactly `broker`.
 *
 * Limits: one broker; no TLS; answers that the proxy makes itself may overtake answers of the broker.
 */
export async function startFaultProxy(options: {
  /** host:port */
  readonly broker: string;
}): Promise<FaultProxy> {
  const proxy = new OneBrokerProxy(options.broker);
  await proxy.accept();
  return proxy;
}

/** A request that went to the broker and what is to be done with its answer. */
interface Pending {
  readonly apiKey: number;
  readonly onAnswer: (answer: Buffer) => void;
}

const NAMES_BROKERS: ReadonlySet<number> = new Set([
  API.metadata,
  API.findCoordinator,
  API.describeCluster,
]);

class OneBrokerProxy implements FaultProxy {
  readonly #host: string;
  readonly #brokerPort: number;
  readonly #links = new Set<Link>();
  readonly #counts = new Map<number, number>();
  #server: Server | null = null;
  #port = 0;
  #stalled = false;
  #hook: ProduceHook = () => 'pass';

  constructor(broker: string) {
    const colon = broker.lastIndexOf(':');
    this.#host = broker.slice(0, colon);
    this.#brokerPort = Number(broker.slice(colon + 1));
  }

  get address(): string {
    return `127.0.0.1:${this.#port}`;
  }

  get connections(): number {
    return this.#links.size;
  }

  onProduce(hook: ProduceHook): void {
    this.#hook = hook;
  }

  count(apiKey: number): number {
    return this.#counts.get(apiKey) ?? 0;
  }

  resetAll(): void {
    for (const link of this.#links) link.reset();
  }

  stall(): void {
    this.#stalled = true;
    for (const link of this.#links) link.pause();
  }

  resume(): void {
    this.#stalled = false;
    for (const link of this.#links) link.resume();
  }

  refuse(): Promise<void> {
    this.#server?.close();
    this.#server = null;
    return Promise.resolve();
  }

  async accept(): Promise<void> {
    if (this.#server !== null) return;
    const server = createServer({ noDelay: true }, (client) => this.#link(client));
    this.#server = server;
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(this.#port, '127.0.0.1', resolve);
    });
    const address = server.address();
    if (address !== null && typeof address === 'object') this.#port = address.port;
  }

  async close(): Promise<void> {
    await this.refuse();
    for (const link of this.#links) link.end();
  }

  #link(client: Socket): void {
    const broker = connect({ host: this.#host, port: this.#brokerPort, noDelay: true });
    const link: Link = new Link(client, broker, {
      onRequest: (apiKey) => this.#counts.set(apiKey, this.count(apiKey) + 1),
      faultOf: (request) => this.#hook(request),
      rewrite: (answer) => this.#rewrite(answer),
      onEnd: () => this.#links.delete(link),
    });
    this.#links.add(link);
    if (this.#stalled) link.pause();
  }

  /** Host and port stand side by side in every answer that names a broker; the port alone could be anything. */
  #rewrite(answer: Buffer): void {
    const port = Buffer.alloc(4);
    port.writeInt32BE(this.#brokerPort);
    const advertised = Buffer.concat([Buffer.from(this.#host), port]);
    for (let at = answer.indexOf(advertised); at >= 0; at = answer.indexOf(advertised, at + 1))
      answer.writeInt32BE(this.#port, at + this.#host.length);
  }
}

interface LinkEvents {
  onRequest(apiKey: number): void;
  faultOf(request: ProduceFrame): ProduceFault;
  rewrite(answer: Buffer): void;
  onEnd(): void;
}

/** One connection of a client and the one to the broker that belongs to it. */
class Link {
  readonly #client: Socket;
  readonly #broker: Socket;
  readonly #events: LinkEvents;
  readonly #pending = new Map<number, Pending>();
  readonly #delayed = new Set<NodeJS.Timeout>();

  constructor(client: Socket, broker: Socket, events: LinkEvents) {
    this.#client = client;
    this.#broker = broker;
    this.#events = events;
    const requests = new Frames((frame) => this.#onRequest(frame));
    const answers = new Frames((frame) => this.#onAnswer(frame));
    client.on('data', (chunk) => requests.push(chunk));
    broker.on('data', (chunk) => answers.push(chunk));
    client.on('error', () => {});
    broker.on('error', () => {});
    client.on('close', () => this.#onClientGone());
    broker.on('close', () => client.destroy());
  }

  pause(): void {
    this.#client.pause();
    this.#broker.pause();
  }

  resume(): void {
    this.#client.resume();
    this.#broker.resume();
  }

  reset(): void {
    this.#client.resetAndDestroy();
  }

  /** `reset`, and what was delayed is not forwarded either. */
  end(): void {
    for (const timer of this.#delayed) clearTimeout(timer);
    this.#delayed.clear();
    this.#client.resetAndDestroy();
    this.#broker.destroy();
    this.#events.onEnd();
  }

  /** A delayed request outlives its client: that is what it is for. */
  #onClientGone(): void {
    if (this.#delayed.size > 0) return;
    this.#broker.destroy();
    this.#events.onEnd();
  }

  #onRequest(frame: Buffer): void {
    const apiKey = frame.readInt16BE(4);
    this.#events.onRequest(apiKey);
    if (apiKey === API.produce) this.#produce(frame);
    else this.#forward(frame, (answer) => this.#client.write(answer));
  }

  #onAnswer(frame: Buffer): void {
    const correlationId = frame.readInt32BE(4);
    const pending = this.#pending.get(correlationId);
    this.#pending.delete(correlationId);
    if (pending === undefined) return;
    if (NAMES_BROKERS.has(pending.apiKey)) this.#events.rewrite(frame);
    pending.onAnswer(frame);
  }

  #forward(frame: Buffer, onAnswer: (answer: Buffer) => void): void {
    this.#pending.set(frame.readInt32BE(8), { apiKey: frame.readInt16BE(4), onAnswer });
    this.#broker.write(frame);
  }

  #produce(frame: Buffer): void {
    const request = readProduce(frame);
    const fault = this.#events.faultOf(request);
    const answer = (bytes: Buffer): boolean => this.#client.write(bytes);
    if (fault === 'pass') this.#forward(frame, answer);
    else if (fault === 'cut-after') this.#forward(frame, () => this.reset());
    else if (fault === 'cut-before') this.reset();
    else if (fault === 'mute') this.#forward(frame, () => {});
    else if (fault === 'swallow') return;
    else if ('delayMs' in fault) this.#delay(frame, fault.delayMs);
    else if (fault.appended === true)
      this.#forward(frame, () => answer(errorAnswer(request, fault.error)));
    else answer(errorAnswer(request, fault.error));
  }

  #delay(frame: Buffer, delayMs: number): void {
    const timer = setTimeout(() => {
      this.#forward(frame, (answer) => {
        this.#delayed.delete(timer);
        if (this.#client.destroyed) this.#onClientGone();
        else this.#client.write(answer);
      });
    }, delayMs);
    this.#delayed.add(timer);
  }
}

/** Cuts a stream of bytes into messages, each with its length in the first four. */
class Frames {
  readonly #onFrame: (frame: Buffer) => void;
  #rest: Buffer = Buffer.alloc(0);

  constructor(onFrame: (frame: Buffer) => void) {
    this.#onFrame = onFrame;
  }

  push(chunk: Buffer): void {
    let bytes = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    while (bytes.length >= 4 && bytes.length >= 4 + bytes.readInt32BE(0)) {
      const size = 4 + bytes.readInt32BE(0);
      this.#onFrame(bytes.subarray(0, size));
      bytes = bytes.subarray(size);
    }
    this.#rest = bytes;
  }
}
