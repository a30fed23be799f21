import type { IntentEndedPayload } from '../../../avro/index.ts';
import { isPlainDecimal } from '../decimal-text.ts';
import type { IntentModel } from './intent-model.ts';

/** What a strategy is told of an intent; null: it has not ended, or names no strategy. */
export function endOf(model: IntentModel | null): IntentEndedPayload | null {
  if (model === null) return null;
  const { state, last_event_time, summary } = model.value;
  if (state !== 'Completed' && state !== 'Failed') return null;
  const { strategy_id: strategyId, base, quote } = summary;
  if (strategyId === null || strategyId === '') return null;
  return {
    intentId: model.intentId,
    strategyId,
    outcome: state === 'Completed' ? 'completed' : 'failed',
    base,
    quote,
    amount_in: decimalOrNull(summary.amount_in),
    amount_out: decimalOrNull(summary.amount_out),
    notional_usd: decimalOrNull(summary.notional_usd),
    last_event_time,
  };
}

/** One event that says an amount otherwise may not stop the sums of its whole strategy. */
function decimalOrNull(text: string | null): string | null {
  return isPlainDecimal(text) ? text : null;
}
