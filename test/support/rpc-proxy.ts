import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

interface RpcCall {
  readonly method: string;
  readonly params: readonly unknown[];
  readonly body: string;
}

/**
 * What becomes of a request: `pass`; `hang`: it is not forwarded and never answered; `cut`: nor is it, and the
 * connection breaks; `lose`: it is forwarded, and the connection breaks before the answer; a status or a body is answered without asking the node.
 */
export type Treatment =
  'pass' | 'hang' | 'cut' | 'lose' | { readonly status?: number; readonly body: string };

/** A node as a bad network shows it. */
export interface RpcProxy {
  readonly url: string;
  /** How requests are treated from now on. */
  treat(choose: (call: RpcCall) => Treatment): void;
  /** Requests of this method so far. */
  count(method: string): number;
  close(): Promise<void>;
}

/** Stands between a venue and its node. */
export async function startRpcProxy(nodeUrl: string): Promise<RpcProxy> {
  let choose: (call: RpcCall) => Treatment = () => 'pass';
  const counts = new Map<string, number>();
  const server = createServer((request, response) => void handle(request, response));
  const handle = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const body = Buffer.concat(chunks).toString();
    const { method, params } = JSON.parse(body) as RpcCall;
    counts.set(method, (counts.get(method) ?? 0) + 1);
    const treatment = choose({ method, params, body });
    if (treatment === 'hang') return;
    if (treatment === 'cut') {
      request.socket.destroy();
      return;
    }
    if (typeof treatment === 'object') {
      const headers = { 'content-type': 'application/json' };
      response.writeHead(treatment.status ?? 200, headers).end(treatment.body);
      return;
    }
    const headers = { 'content-type': 'application/json' };
    const answer = await fetch(nodeUrl, { method: 'POST', body, headers });
    const text = await answer.text();
    if (treatment === 'lose') request.socket.destroy();
    else response.writeHead(answer.status, headers).end(text);
  };
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    treat: (next) => (choose = next),
    count: (method) => counts.get(method) ?? 0,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
