import { Decimal } from 'decimal.js';
import { isPlainDecimal } from '../decimal-text.ts';

/** Units: decimal text; maxSlippage a fraction. Limits are inclusive. */
export interface RiskLimits {
  readonly maxNotionalUsd: string;
  readonly maxSlippage: string;
}

export type RiskCode = 'NOTIONAL_LIMIT' | 'SLIPPAGE_LIMIT';

export type RiskVerdict =
  | { readonly approved: true }
  | { readonly approved: false; readonly reason: string; readonly code: RiskCode };

/**
 * Holds an intent against the limits, decimal by decimal. What is no decimal of at least 0 is over any limit.
 *
 * Source: B-45, B-46, B-47.
 */
export function evaluateRisk(
  intent: { readonly notional_usd: string; readonly max_slippage: string },
  limits: RiskLimits,
): RiskVerdict {
  if (!isWithin(intent.notional_usd, limits.maxNotionalUsd))
    return rejected('NOTIONAL_LIMIT', 'notional_usd', intent.notional_usd, limits.maxNotionalUsd);
  if (!isWithin(intent.max_slippage, limits.maxSlippage))
    return rejected('SLIPPAGE_LIMIT', 'max_slippage', intent.max_slippage, limits.maxSlippage);
  return { approved: true };
}

// A comparison of decimal.js looks at every digit: its precision concerns results of arithmetic only.
function isWithin(value: string, limit: string): boolean {
  return isPlainDecimal(value) && new Decimal(value).lte(limit);
}

function rejected(code: RiskCode, field: string, value: string, limit: string): RiskVerdict {
  const shown = String(value).slice(0, 64);
  const reason = `${field} must be a decimal from 0 to ${limit}, and is ${shown}.`;
  return { approved: false, reason, code };
}
