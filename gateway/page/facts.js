/**
 * @typedef {object} Fact one thing that an event says
 * @property {string} label
 * @property {string} value
 * @property {boolean} isId shown whole, to be copied
 */

/** Fields that people look for, in the order they are read. @type {Record<string, string>} */
const LABELS = {
  amountOut: 'Amount out',
  attempt: 'Attempt',
  code: 'Code',
  reason: 'Reason',
  planId: 'Plan',
  txHash: 'Transaction',
  replaces: 'Replaces',
};
const IDS = new Set(['planId', 'txHash', 'replaces', 'intentId']);
/** What the page says once, and not with each event. */
const LEFT_OUT = new Set(['intentId', 'metadata', 'approved', 'steps', 'stepIndex']);

/**
 * The essentials of an event; its whole payload stands beside them.
 *
 * @param {{ topic: string, payload: Record<string, any> }} event
 * @returns {Fact[]}
 */
export function factsOf({ topic, payload }) {
  if (topic === 'intent.accepted') return [fact('Priority', payload['priority'])];
  if (topic === 'intent.submitted') return [fact('Order', orderText(payload))];
  const isOfPlan = topic.startsWith('plan.');
  const names = [...new Set([...Object.keys(LABELS), ...Object.keys(payload)])].filter(
    (name) => isShown(name, payload[name]) && (name !== 'planId' || isOfPlan),
  );
  const facts = names.map((name) => fact(LABELS[name] ?? name, payload[name], IDS.has(name)));
  return [...stepsOf(payload['steps']), ...facts];
}

/**
 * @param {string} name
 * @param {unknown} value
 */
function isShown(name, value) {
  return !LEFT_OUT.has(name) && ['string', 'number', 'boolean'].includes(typeof value);
}

/** @param {Record<string, unknown>} order */
function orderText({ strategyId, amount_in, base, quote, notional_usd }) {
  return `${amount_in} ${base} for ${quote}, worth ${notional_usd} USD, of ${strategyId}`;
}

/** @param {unknown} steps of a plan */
function stepsOf(steps) {
  if (!Array.isArray(steps)) return [];
  return steps.map((step, at) =>
    fact(steps.length > 1 ? `Step ${at + 1}` : 'Step', stepText(step)),
  );
}

/** @param {Record<string, unknown>} step of a plan */
export function stepText({ venue, base, quote, amount_in, min_out }) {
  return `${amount_in} ${base} for at least ${min_out} ${quote}, on ${venue}`;
}

/**
 * @param {string} label
 * @param {unknown} value
 * @param {boolean} [isId]
 * @returns {Fact}
 */
function fact(label, value, isId = false) {
  return { label, value: String(value), isId };
}
