import { copyable, element, fill, noticeOf } from './elements.js';
import { pair } from './event-list.js';
import { read, remedyFor } from './reads.js';
import { durationText, microsOf } from './timeline.js';

/** Events of bots are on no stream. */
const ASK_EVERY_MS = 5_000;

/** The chain of events that bots sent under one correlation. */
export class ChainPage {
  #id;
  #main;
  #shown = '';

  /**
   * @param {HTMLElement} main
   * @param {string} id
   */
  constructor(main, id) {
    this.#main = main;
    this.#id = id;
    const said = document.querySelector('#live');
    said?.setAttribute('class', 'asking');
    fill(said, 'Asks every 5 s');
    void this.#ask();
  }

  async #ask() {
    if (!document.hidden) this.#show(await read(`/bots/chains/${encodeURIComponent(this.#id)}`));
    setTimeout(() => this.#ask(), ASK_EVERY_MS);
  }

  /** @param {Awaited<ReturnType<typeof read>>} answer */
  #show(answer) {
    // What is open stays open while nothing changes.
    const text = JSON.stringify(answer);
    if (text === this.#shown) return;
    this.#shown = text;
    if (!answer.ok) return fill(this.#main, noticeFor(answer));
    const { events } = answer.value;
    const head = element(
      'header',
      { class: 'head' },
      element('h1', {}, 'Events of bots'),
      element('p', { class: 'correlation' }, copyable('correlation id', this.#id)),
      element(
        'dl',
        { class: 'figures' },
        element('div', {}, ...pair('Events', String(events.length))),
        element(
          'div',
          {},
          ...pair('First to last event', durationText(msBetween(events[0], events.at(-1)))),
        ),
      ),
    );
    const list = element('ol', { class: 'events' }, ...events.map(rowOf));
    fill(
      this.#main,
      head,
      element('section', { class: 'timeline' }, element('h2', {}, 'Events'), list),
    );
  }
}

/** @param {import('./reads.js').NotFound} refusal */
function noticeFor({ status, code, title, detail }) {
  if (status !== 404) return noticeOf({ title, detail, remedy: remedyFor(code), tone: 'away' });
  return noticeOf({
    title: 'No event has this correlation',
    detail: 'No intent and no bot has stored anything under it.',
    remedy: 'If it was just sent, it shows here by itself. Otherwise search for another id above.',
  });
}

/**
 * @param {any} event
 * @param {number} index
 * @param {any[]} all
 */
function rowOf(event, index, all) {
  const {
    event_type,
    ts_utc,
    event_id,
    instance_name,
    producer,
    trading_pair,
    causation_id,
    payload,
  } = event;
  const before = all[index - 1];
  const cause = all.find((each) => each.event_id === causation_id);
  const hop =
    before === undefined
      ? 'The first event'
      : `+${durationText(msBetween(before, event))} after the one before`;
  return element(
    'li',
    { id: `e-${event_id}`, tabindex: '-1' },
    element(
      'div',
      { class: 'line' },
      element('h3', {}, event_type),
      element('time', { datetime: ts_utc, title: ts_utc }, ts_utc.slice(11).replace('Z', '')),
    ),
    element('div', { class: 'hop' }, element('p', {}, hop)),
    element(
      'dl',
      { class: 'facts' },
      ...pair('Instance', instance_name),
      ...pair('Producer', producer),
      ...pair('Pair', trading_pair),
      ...(cause === undefined
        ? []
        : pair('Caused by', element('a', { href: `#e-${cause.event_id}` }, cause.event_type))),
      ...pair('Event', copyable('event id', event_id)),
    ),
    element(
      'details',
      {},
      element('summary', {}, 'Payload', element('span', { class: 'unseen' }, ` of ${event_type}`)),
      element(
        'pre',
        { tabindex: '0', 'aria-label': `Payload of ${event_type}` },
        JSON.stringify(payload, null, 2),
      ),
    ),
  );
}

/**
 * @param {{ ts_utc: string }} a
 * @param {{ ts_utc: string }} b
 */
function msBetween(a, b) {
  return (microsOf({ timestamp: b.ts_utc }) - microsOf({ timestamp: a.ts_utc })) / 1000;
}
