import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** A call of a node's method, and what is done when it comes: instead of it, or when the node has done it. */
export interface Trap {
  readonly method: string;
  readonly when: 'before' | 'after';
  /** Which call of the method, from when it is armed. Default: the first. */
  readonly nth?: number;
  /** Its caller never gets an answer. */
  act(): Promise<void>;
}

/** Stands in front of a node: passes calls on, and springs one trap. */
export class RpcTap {
  readonly #server: Server;
  readonly #target: string;
  #trap: Trap | null = null;
  /** Calls of its method that the trap lets pass yet. */
  #passing = 0;
  readonly #answered = new Map<string, number>();

  private constructor(target: string) {
    this.#target = target;
    this.#server = createServer((request, response) => {
      void this.#pass(request, response).catch(() => response.destroy());
    });
  }

  static async start(target: string): Promise<RpcTap> {
    const tap = new RpcTap(target);
    await new Promise<void>((resolve) => tap.#server.listen(0, '127.0.0.1', resolve));
    return tap;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** How many calls of a method have had an answer that says something. */
  answered(method: string): number {
    return this.#answered.get(method) ?? 0;
  }

  /** Resolves when it has sprung and `act` is done. */
  arm(trap: Trap): Promise<void> {
    this.#passing = (trap.nth ?? 1) - 1;
    return new Promise((resolve, reject) => {
      this.#trap = { ...trap, act: () => trap.act().then(resolve, reject) };
    });
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }

  async #pass(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const body = Buffer.concat(chunks).toString();
    const { method } = JSON.parse(body) as { readonly method?: string };
    if (this.#isFor(method, 'before')) return this.#spring(response);
    const headers = { 'content-type': 'application/json' };
    const answer = await fetch(this.#target, { method: 'POST', body, headers });
    const text = await answer.text();
    const { result = null } = JSON.parse(text) as { readonly result?: unknown };
    // An answer that says nothing yet is none.
    if (result !== null && this.#isFor(method, 'after')) return this.#spring(response);
    if (result !== null && method !== undefined)
      this.#answered.set(method, this.answered(method) + 1);
    response.writeHead(answer.status, headers).end(text);
  }

  #isFor(method: string | undefined, when: Trap['when']): boolean {
    if (this.#trap?.method !== method || this.#trap?.when !== when) return false;
    this.#passing -= 1;
    return this.#passing < 0;
  }

  async #spring(response: ServerResponse): Promise<void> {
    const trap = this.#trap;
    this.#trap = null;
    await trap?.act();
    response.destroy();
  }
}
