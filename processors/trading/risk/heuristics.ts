import { Decimal } from 'decimal.js';

const HIGHEST = 5;

/**
 * Planning priority of an intent: `max(1, 5 - floor(5 × notional / limit))`, so small intents have 5, and one
 * step is lost with each fifth of the limit. At a limit of 10,000: 100 → 5, 2,000 → 4, 10,000 → 1.
 *
 * Source: B-18.
 */
export function priorityOf(notionalUsd: string, maxNotionalUsd: string): number {
  const fifths = new Decimal(notionalUsd).times(HIGHEST).divToInt(maxNotionalUsd);
  return Decimal.max(1, new Decimal(HIGHEST).minus(fifths)).toNumber();
}

/** The parts an intent is planned in: itself. Source: B-19. */
export function decompose<Intent>(intent: Intent): readonly Intent[] {
  return [intent];
}
