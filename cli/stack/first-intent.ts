import { setTimeout as pause } from 'node:timers/promises';

const INTENT = {
  strategyId: 'first-intent',
  base: 'WETH',
  quote: 'USDC',
  amount_in: '0.1',
  notional_usd: '300',
  max_slippage: '0.01',
} as const;

const LOOK_EVERY_MS = 25;
const DEADLINE_MS = 15_000;
/** After one of these nothing follows. */
const LAST_EVENTS = ['exec.completed', 'exec.failed', 'plan.rejected', 'risk.rejected'];

/** One event of the first intent, and when it was made, counted from the POST. */
export interface TimedEvent {
  readonly topic: string;
  readonly ms: number;
}

/** What became of the first intent. */
export interface FirstIntent {
  readonly intentId: string;
  readonly events: readonly TimedEvent[];
  /** false: the last event did not come within DEADLINE_MS. */
  readonly isComplete: boolean;
}

interface WireEvent {
  readonly topic: string;
  readonly timestamp: string;
}

/** Submits one intent and follows it to its last event. Throws: Error when the gateway does not take it. */
export async function submitFirstIntent(gatewayUrl: string): Promise<FirstIntent> {
  const postedAt = Date.now();
  const response = await fetch(`${gatewayUrl}/intents`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(INTENT),
    signal: AbortSignal.timeout(DEADLINE_MS),
  });
  if (response.status !== 202) {
    throw new Error(
      `POST /intents of the first intent gave ${response.status}: ${await response.text()}. See the gateway's log, or start with --no-first-intent.`,
    );
  }
  const { intent_id: intentId } = (await response.json()) as { readonly intent_id: string };
  let events: readonly WireEvent[] = [];
  while (!isLast(events.at(-1)) && Date.now() - postedAt < DEADLINE_MS) {
    await pause(LOOK_EVERY_MS);
    events = (await history(gatewayUrl, intentId)) ?? events;
  }
  return {
    intentId,
    events: events.map(({ topic, timestamp }) => ({
      topic,
      ms: Math.max(0, Date.parse(timestamp) - postedAt),
    })),
    isComplete: isLast(events.at(-1)),
  };
}

function isLast(event: WireEvent | undefined): boolean {
  return event !== undefined && LAST_EVENTS.includes(event.topic);
}

async function history(gatewayUrl: string, intentId: string): Promise<readonly WireEvent[] | null> {
  const url = `${gatewayUrl}/intents/${intentId}/history`;
  const response = await fetch(url, { signal: AbortSignal.timeout(DEADLINE_MS) });
  const body = await response.text();
  if (response.status !== 200) return null;
  return (JSON.parse(body) as { readonly events: readonly WireEvent[] }).events;
}
