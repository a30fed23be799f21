import { setTimeout as pause } from 'node:timers/promises';

const EVERY_MS = 250;
/** An intent that is executed. */
export const SOUND = {
  strategyId: 'steady-load',
  base: 'WETH',
  quote: 'USDC',
  amount_in: '0.1',
  notional_usd: '300',
  max_slippage: '0.01',
};

export interface Accepted {
  readonly intentId: string;
  /** Milliseconds since 1970. */
  readonly at: number;
}

/** Posts sound intents one after another, four a second, and keeps those that got a 202; others are not sent again. */
export class SteadyLoad {
  readonly #gateway: string;
  readonly #accepted: Accepted[] = [];
  readonly #life: Promise<void>;
  #ended = false;

  constructor(gateway: string) {
    this.#gateway = gateway;
    this.#life = this.#live();
  }

  /** Those that were accepted; nothing is sent any more. */
  async end(): Promise<readonly Accepted[]> {
    this.#ended = true;
    await this.#life;
    return this.#accepted;
  }

  async #live(): Promise<void> {
    while (!this.#ended) {
      const [accepted] = await Promise.all([post(this.#gateway), pause(EVERY_MS)]);
      if (accepted !== null) this.#accepted.push(accepted);
    }
  }
}

/** null: not accepted. */
async function post(gateway: string): Promise<Accepted | null> {
  const response = await fetch(`${gateway}/intents`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(SOUND),
  });
  const { intent_id: intentId } = (await response.json()) as { readonly intent_id?: string };
  if (response.status !== 202 || intentId === undefined) return null;
  return { intentId, at: Date.now() };
}
