import { connect } from 'node:net';

/** Where a server listens, and the first bytes to send to it. */
export interface Exchange {
  readonly port: number;
  readonly request: Uint8Array;
  /** The answer is whole as soon as this gives something else than null. */
  readonly enough: (answer: Buffer) => boolean | null;
  readonly signal: AbortSignal;
}

/** Sends a few bytes to a server on this machine and judges what comes back. */
export function exchange({ port, request, enough, signal }: Exchange): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: '127.0.0.1', port, signal });
    let answer: Buffer = Buffer.alloc(0);
    const settle = (outcome: boolean): void => {
      socket.destroy();
      resolve(outcome);
    };
    socket.on('connect', () => socket.write(request));
    socket.on('data', (bytes) => {
      answer = Buffer.concat([answer, bytes]);
      const verdict = enough(answer);
      if (verdict !== null) settle(verdict);
    });
    socket.on('error', reject);
    socket.on('close', () => settle(false));
  });
}
