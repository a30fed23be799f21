import { WebSocket } from 'ws';

/*
 * The clients of the benchmark of the stream, in a process of their own so that what they take is not the gateway's. Told by
 * argv[2] (CrowdPlan as JSON), it says { ready } over IPC when all have subscribed, and answers `take` with what came since.
 */

/** What one process of clients is to be. */
export interface CrowdPlan {
  readonly url: string;
  /** Those that are subscribed to what never comes. */
  readonly idle: number;
  readonly listening: number;
}

/** A frame that came: whose, of which event, and how long after the event was due. Units: ms. */
export type Reading = readonly [client: number, mark: number, tookMs: number];

/** Connections that are being made at once. */
const AT_ONCE = 100;

/** The correlation that a listener has to itself. */
export const correlationOf = (client: number): string => `listener-${client}`;
/** For one listener, by its correlation; */
export const OWN_TYPE = 'exec.completed';
/** and for all of them. */
export const COMMON_TYPE = 'exec.failed';

/** Of CLOCK_MONOTONIC, which all processes of the machine share. */
export function sharedClockMs(): number {
  return Number(process.hrtime.bigint() / 1_000n) / 1_000;
}

interface EventFrame {
  readonly type: string;
  /** `planId`: when it was due; `intentId`: its number. */
  readonly event?: { readonly payload: { readonly planId: string; readonly intentId: string } };
}

async function main({ url, idle, listening }: CrowdPlan): Promise<void> {
  let readings: Reading[] = [];
  const read = (client: number, text: string): void => {
    const at = sharedClockMs();
    const { type, event } = JSON.parse(text) as EventFrame;
    if (type === 'event' && event !== undefined)
      readings.push([client, Number(event.payload.intentId), at - Number(event.payload.planId)]);
  };
  const idlers = Array.from({ length: idle }, (_, at) => () => connect(url, [`idle-${at}`, null]));
  const listeners = Array.from({ length: listening }, (_, at) => async () => {
    const socket = await connect(url, [correlationOf(at), OWN_TYPE], [null, COMMON_TYPE]);
    socket.on('message', (data) => read(at, String(data)));
  });
  const waiting: (() => Promise<unknown>)[] = [...idlers, ...listeners];
  const worker = async (): Promise<void> => {
    for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) await next();
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
  process.on('message', () => {
    process.send?.({ readings });
    readings = [];
  });
  process.send?.({ ready: true });
}

type Wish = readonly [correlationId: string | null, type: string | null];

/** Resolves when all that it wishes for is promised. A connection that ends is the end of this process: the run is void. */
async function connect(url: string, ...wishes: readonly Wish[]): Promise<WebSocket> {
  const socket = new WebSocket(url, { perMessageDeflate: false });
  socket.on('close', (code, reason) => {
    process.stderr.write(`a client was closed: ${code} ${reason.toString()}\n`);
    process.exit(1);
  });
  await new Promise<void>((resolve, reject) => {
    let left = wishes.length;
    socket.once('error', reject);
    socket.on('open', () => {
      for (const [correlationId, type] of wishes)
        socket.send(
          JSON.stringify({ type: 'subscribe', topics: [type ?? 'exec.*'], correlationId }),
        );
    });
    socket.on('message', () => {
      left -= 1;
      if (left === 0) resolve();
    });
  });
  socket.removeAllListeners('message');
  return socket;
}

if (import.meta.main) {
  process.once('disconnect', () => process.exit(0));
  await main(JSON.parse(process.argv[2] ?? '') as CrowdPlan);
}
