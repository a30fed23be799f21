import { copyable, element } from './elements.js';
import { pair } from './event-list.js';
import { stepText } from './facts.js';
import { durationText, isEnd, STATES, statesOf } from './timeline.js';

/**
 * @typedef {import('./timeline.js').Step} Step
 * @typedef {object} Shown
 * @property {string} correlationId
 * @property {Step[]} steps
 * @property {number} totalMs
 * @property {string | null} state
 * @property {any} intent read model; null: not there yet
 * @property {any} plan likewise
 */

/** @param {Shown} shown */
export function headOf({ correlationId, steps, totalMs, state, intent }) {
  const order = steps[0]?.event.payload ?? intent?.summary ?? {};
  const { amount_in, base, quote } = order;
  const title = base === undefined ? 'Intent' : `${amount_in} ${base} → ${quote}`;
  const received = steps.findLast(({ event }) => event.payload['amountOut'])?.event.payload;
  const amountOut = received?.['amountOut'] ?? intent?.summary.amount_out ?? null;
  const began = steps[0]?.event.timestamp.slice(0, 19).replace('T', ' ');
  return element(
    'header',
    { class: 'head' },
    element('h1', {}, title),
    state === null ? null : element('p', { class: `state ${state.toLowerCase()}` }, state),
    element('p', { class: 'correlation' }, copyable('correlation id', correlationId)),
    steps.length === 0
      ? null
      : element(
          'dl',
          { class: 'figures' },
          ...figure('Amount out', amountOut === null ? '–' : `${amountOut} ${quote}`),
          ...figure(isEnd(state) ? 'First to last event' : 'So far', durationText(totalMs)),
          ...figure('Events', String(steps.length)),
          ...figure('Began', `${began} UTC`),
        ),
  );
}

/**
 * @param {string} label
 * @param {string} value
 */
function figure(label, value) {
  return [element('div', {}, ...pair(label, value))];
}

/**
 * The way to the end: states that were reached, and the time from one to the next.
 *
 * @param {Shown} shown
 */
export function stagesOf({ steps, state }) {
  const reached = statesOf(steps);
  const isFailed = state === 'Failed';
  const wanted = STATES.filter((each) =>
    isFailed ? reached.has(each) || each === 'Failed' : each !== 'Failed',
  );
  let before = 0;
  const items = wanted.map((each, index) => {
    const atMs = reached.get(each)?.atMs;
    const hop = atMs === undefined || index === 0 ? '' : hopText(atMs - before);
    before = atMs ?? before;
    const tone = each === 'Failed' ? 'bad' : atMs === undefined ? 'open' : 'done';
    const current = each === state ? 'step' : null;
    return element(
      'li',
      { class: tone, 'aria-current': current },
      element('span', {}, each),
      element('small', {}, hop),
    );
  });
  return element('ol', { class: 'stages', 'aria-label': 'States of the intent' }, ...items);
}

/** @param {number} ms */
function hopText(ms) {
  return ms <= 0 ? 'same step' : `+${durationText(ms)}`;
}

/** @param {Shown} shown */
export function failureOf({ steps, intent, state }) {
  if (state !== 'Failed') return null;
  const { reason, code } =
    steps.findLast(({ event }) => event.payload['code'])?.event.payload ?? intent?.summary ?? {};
  const stage = intent?.summary.failed_stage ?? null;
  return element(
    'section',
    { class: 'notice bad' },
    element('h2', {}, stage === null ? 'Failed' : `Failed in ${stage}`),
    element('p', {}, reason ?? 'No reason was given.'),
    element('p', {}, element('code', {}, code ?? '')),
  );
}

/** @param {Shown} shown */
export function asideOf({ steps, intent, plan }) {
  const order = steps[0]?.event.payload;
  return [orderOf(order), planOf(plan, intent), transactionOf(steps, intent)];
}

/** @param {Record<string, any> | undefined} order */
function orderOf(order) {
  if (order === undefined) return null;
  const { strategyId, amount_in, base, quote, notional_usd, max_slippage, priority, metadata } =
    order;
  return card(
    'Order',
    element(
      'dl',
      { class: 'facts' },
      ...pair('Strategy', String(strategyId)),
      ...pair('Sells', `${amount_in} ${base}`),
      ...pair('For', String(quote)),
      ...pair('Notional', `${notional_usd} USD`),
      ...pair('Slippage', `at most ${max_slippage}`),
      ...pair('Priority', String(priority)),
    ),
    metadata === null || metadata === undefined
      ? null
      : element(
          'details',
          {},
          element('summary', {}, 'Metadata'),
          element(
            'pre',
            { tabindex: '0', 'aria-label': 'Metadata' },
            JSON.stringify(metadata, null, 2),
          ),
        ),
  );
}

/**
 * @param {any} plan
 * @param {any} intent
 */
function planOf(plan, intent) {
  if (plan === null) return null;
  const { status, steps, progress } = plan;
  return card(
    'Plan',
    element(
      'dl',
      { class: 'facts' },
      ...pair('Status', `${status}, ${progress.done} of ${progress.total} done`),
      ...pair('Plan', copyable('plan id', intent.latest_plan_id)),
    ),
    element(
      'ol',
      { class: 'plan' },
      ...steps.map((/** @type {any} */ step) => element('li', {}, stepText(step))),
    ),
  );
}

/**
 * @param {Step[]} steps
 * @param {any} intent
 */
function transactionOf(steps, intent) {
  const sent = steps.filter(({ event }) => event.topic === 'exec.step_submitted');
  const filled = steps.findLast(({ event }) => event.topic === 'exec.step_filled');
  const hash =
    filled?.event.payload['txHash'] ??
    intent?.summary.tx_hash ??
    sent.at(-1)?.event.payload['txHash'];
  if (typeof hash !== 'string') return null;
  return card(
    'Transaction',
    element(
      'dl',
      { class: 'facts' },
      ...pair('Hash', copyable('transaction hash', hash)),
      ...pair('Status', filled === undefined ? 'sent, not yet mined' : 'mined'),
      ...(sent.length > 1 ? pair('Offered', `${sent.length} times`) : []),
      ...(filled === undefined ? [] : pair('Received', String(filled.event.payload['amountOut']))),
    ),
  );
}

/**
 * @param {string} title
 * @param {...(Node | null)} content
 */
function card(title, ...content) {
  return element('section', { class: 'card' }, element('h2', {}, title), ...content);
}
