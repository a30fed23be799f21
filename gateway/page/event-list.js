import { copyable, element, fill } from './elements.js';
import { factsOf } from './facts.js';
import { durationText } from './timeline.js';

/**
 * @typedef {import('./timeline.js').Step} Step
 * @typedef {{ row: HTMLElement, hop: HTMLElement }} Row
 */

/** The events of a correlation as a list that grows: rows that are there stay, with what is open and focused in them. */
export class EventList {
  /** @type {Map<string, Row>} */
  #rows = new Map();
  #list = element('ol', { class: 'events' });

  get element() {
    return this.#list;
  }

  /**
   * @param {Step[]} steps in their order
   * @param {number} totalMs
   */
  show(steps, totalMs) {
    steps.forEach((step, index) => {
      const { eventId } = step.event;
      const known = this.#rows.get(eventId);
      const own = known ?? rowOf(step);
      this.#rows.set(eventId, own);
      fill(own.hop, ...hopOf(step, totalMs));
      const there = this.#list.children[index];
      if (there !== own.row) this.#list.insertBefore(own.row, there ?? null);
    });
  }

  /** @param {string} eventId */
  focus(eventId) {
    const row = this.#rows.get(eventId)?.row;
    row?.scrollIntoView({ block: 'center' });
    row?.focus({ preventScroll: true });
    return row !== undefined;
  }
}

/**
 * @param {Step} step
 * @returns {Row}
 */
function rowOf({ event, cause }) {
  const { eventId, topic, timestamp, sequence, payload } = event;
  const hop = element('div', { class: 'hop' });
  const at = timestamp.slice(11, 26);
  const row = element(
    'li',
    { id: `e-${eventId}`, tabindex: '-1', class: toneOf(topic) },
    element(
      'div',
      { class: 'line' },
      element('h3', {}, topic),
      element('time', { datetime: timestamp, title: timestamp }, at),
    ),
    hop,
    factList(event),
    element(
      'details',
      {},
      element('summary', {}, 'Details', element('span', { class: 'unseen' }, ` of ${topic}`)),
      idsOf({ sequence, eventId, cause, causationId: event.causationId }),
      element(
        'pre',
        { tabindex: '0', 'aria-label': `Payload of ${topic}` },
        JSON.stringify(payload, null, 2),
      ),
    ),
  );
  return { row, hop };
}

/** @param {string} topic */
function toneOf(topic) {
  if (/\.(rejected|failed)$/.test(topic)) return 'bad';
  return topic === 'exec.completed' ? 'good' : null;
}

/** @param {{ sequence: number | null, eventId: string, cause: any, causationId: string | null }} of */
function idsOf({ sequence, eventId, cause, causationId }) {
  const because =
    cause === null
      ? (causationId ?? 'nothing before it')
      : element('a', { href: `#e-${cause.eventId}` }, cause.topic);
  return element(
    'dl',
    { class: 'facts' },
    ...pair('Event', copyable('event id', eventId)),
    ...pair('Caused by', because),
    ...(sequence === null ? [] : pair('Sequence', String(sequence))),
  );
}

/** @param {{ topic: string, payload: Record<string, any> }} event */
function factList(event) {
  const facts = factsOf(event);
  if (facts.length === 0) return null;
  const pairs = facts.flatMap(({ label, value, isId }) =>
    pair(label, isId ? copyable(label.toLowerCase(), value) : value),
  );
  return element('dl', { class: 'facts' }, ...pairs);
}

/**
 * @param {string} label
 * @param {Node | string} value
 */
export function pair(label, value) {
  return [element('dt', {}, label), element('dd', {}, value)];
}

/**
 * How long it took after its cause, in words and as a bar on the whole.
 *
 * @param {Step} step
 * @param {number} totalMs
 */
function hopOf({ cause, startMs, atMs }, totalMs) {
  const bar = element('span', { class: 'spent' });
  const share = (/** @type {number} */ ms) => (totalMs === 0 ? 0 : (100 * ms) / totalMs);
  bar.style.marginInlineStart = `min(${share(startMs)}%, 100% - 3px)`;
  bar.style.inlineSize = `max(${share(atMs - startMs)}%, 3px)`;
  return [
    element('p', {}, ...hopText(cause, atMs - startMs)),
    element('span', { class: 'scale', 'aria-hidden': 'true' }, bar),
  ];
}

/**
 * @param {import('./timeline.js').StreamEvent | null} cause
 * @param {number} hopMs
 */
function hopText(cause, hopMs) {
  if (cause === null) return ['The first event'];
  const link = element('a', { href: `#e-${cause.eventId}` }, cause.topic);
  if (hopMs === 0) return ['In the same step as ', link];
  return [element('strong', {}, `+${durationText(hopMs)}`), ' after ', link];
}
