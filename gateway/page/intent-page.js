import { element, fill, noticeOf, say } from './elements.js';
import { EventList } from './event-list.js';
import { asideOf, failureOf, headOf, stagesOf } from './intent-summary.js';
import { LiveEvents } from './live.js';
import { read, remedyFor } from './reads.js';
import { isEnd, laterOf, STATES, statesOf, timelineOf } from './timeline.js';

/** Without the stream, and while something cannot be read. */
const ASK_EVERY_MS = 5_000;
/** With it: the store may lag behind the log, and what passed just before the subscription may not be in it yet. */
const ASK_AGAIN_MS = [1_000, 3_000, 10_000];
/** The stream is not waited for any longer before the history is read. */
const STREAM_LIMIT_MS = 1_500;
/** Read models are written a moment after the event. */
const SETTLE_MS = 150;

/** @typedef {import('./timeline.js').StreamEvent} StreamEvent */

/** One intent, from the first event to the last. */
export class IntentPage {
  #id;
  #correlationId;
  /** @type {Map<string, StreamEvent>} */
  #events = new Map();
  /** @type {any} */
  #intent = null;
  /** @type {any} */
  #plan = null;
  /** @type {import('./reads.js').NotFound[]} */
  #refusals = [];
  #isRead = false;
  #isLive = false;
  #asked = 0;
  /** @type {string | null} */
  #said = null;
  #list = new EventList();
  #parts = {
    notices: element('div', { class: 'notices' }),
    top: element('div'),
    aside: element('aside', { 'aria-label': 'Order, plan and transaction' }),
    empty: element('div'),
  };
  #timer = 0;
  #settling = 0;

  /**
   * @param {HTMLElement} main
   * @param {string} id of the intent
   */
  constructor(main, id) {
    this.#id = id;
    this.#correlationId = `intent-${id}`;
    const { notices, top, aside, empty } = this.#parts;
    const events = element(
      'section',
      { class: 'timeline' },
      element('h2', {}, 'Events'),
      this.#list.element,
    );
    const body = element('div', { class: 'columns' }, events, aside);
    fill(main, top, notices, empty, body);
    this.#listen();
    this.#later(STREAM_LIMIT_MS);
    addEventListener('hashchange', () => this.#focusNamed());
    document.addEventListener('visibilitychange', () => document.hidden || this.#later(0));
  }

  #listen() {
    return new LiveEvents({
      correlationId: this.#correlationId,
      onEvent: (event) => this.#take(event),
      onSubscribed: (isGap) => {
        this.#asked = 0;
        if (isGap) this.#later(0);
      },
      onState: (state, detail) => {
        this.#isLive = state === 'live';
        const shown = document.querySelector('#live');
        shown?.setAttribute('class', state);
        fill(shown, detail);
      },
    });
  }

  /** @param {StreamEvent} event */
  #take(event) {
    if (this.#events.has(event.eventId)) return;
    this.#events.set(event.eventId, event);
    this.#show();
    this.#settle(SETTLE_MS);
  }

  /**
   * Reads the read models again until they are where the events are.
   *
   * @param {number} pauseMs
   */
  #settle(pauseMs) {
    clearTimeout(this.#settling);
    this.#settling = setTimeout(async () => {
      await this.#readModels();
      this.#show();
      const isBehind = this.#intent?.state !== this.#state;
      if (isBehind && pauseMs < ASK_EVERY_MS) this.#settle(2 * pauseMs);
    }, pauseMs);
  }

  /** @param {number} pauseMs */
  #later(pauseMs) {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#ask(), pauseMs);
  }

  async #ask() {
    if (!document.hidden) {
      const history = await read(`/intents/${encodeURIComponent(this.#id)}/history`);
      const found = history.ok ? history.value.events : [];
      for (const event of found) this.#events.set(event.eventId, event);
      const models = await this.#readModels();
      this.#refusals = [history, ...models].filter((each) => !each.ok);
      const isFirst = !this.#isRead;
      this.#isRead = true;
      this.#show();
      if (isFirst) this.#focusNamed();
    }
    if (!this.#isWhole) this.#later(this.#pauseMs());
  }

  async #readModels() {
    const intent = await read(`/intents/${encodeURIComponent(this.#id)}`);
    if (intent.ok) this.#intent = intent.value;
    const planId = this.#intent?.latest_plan_id ?? null;
    if (planId === null) return [intent];
    const plan = await read(`/plans/${encodeURIComponent(planId)}`);
    if (plan.ok) this.#plan = plan.value;
    return [intent, plan];
  }

  #pauseMs() {
    if (!this.#isLive || this.#refusals.some(isHindrance)) return ASK_EVERY_MS;
    this.#asked += 1;
    return ASK_AGAIN_MS[this.#asked - 1] ?? ASK_AGAIN_MS.at(-1) ?? ASK_EVERY_MS;
  }

  /** Whether nothing more can come: the end is there, and all that is before it. */
  get #isWhole() {
    const { missing } = timelineOf(this.#events.values());
    return isEnd(this.#state) && isEnd(this.#intent?.state) && missing.length === 0;
  }

  /** What the events say: the read model is behind them, or away. */
  get #state() {
    const { steps } = timelineOf(this.#events.values());
    const reached = [...statesOf(steps).keys()];
    const seen = STATES.findLast((state) => reached.includes(state)) ?? null;
    return laterOf(seen, this.#intent?.state ?? null);
  }

  #show() {
    const { steps, totalMs } = timelineOf(this.#events.values());
    const state = this.#state;
    const shown = {
      correlationId: this.#correlationId,
      steps,
      totalMs,
      state,
      intent: this.#intent,
      plan: this.#plan,
    };
    const { notices, top, aside, empty } = this.#parts;
    const isEmpty = steps.length === 0 && this.#intent === null;
    fill(top, headOf(shown), isEmpty ? null : stagesOf(shown), failureOf(shown));
    fill(notices, ...this.#noticesOf());
    const isKnown = this.#isRead && !this.#refusals.some(isHindrance);
    fill(empty, isEmpty && isKnown ? WAITING.cloneNode(true) : null);
    fill(aside, ...asideOf(shown));
    this.#list.show(steps, totalMs);
    this.#tell(state, steps.at(-1)?.event.topic);
  }

  #noticesOf() {
    const hindered = this.#refusals.filter(isHindrance);
    const codes = [...new Set(hindered.map(({ code }) => code))];
    return codes.map((code) => {
      const refusal = hindered.find((each) => each.code === code);
      const { title = '', detail = '' } = refusal ?? {};
      return noticeOf({ title, detail, remedy: remedyFor(code), tone: 'away' });
    });
  }

  /**
   * @param {string | null} state
   * @param {string | undefined} topic
   */
  #tell(state, topic) {
    const title = state === null ? 'Millrace' : `${state}: ${this.#correlationId.slice(0, 15)}…`;
    document.title = title;
    const said = `${topic ?? ''} ${state ?? ''}`;
    if (topic !== undefined && this.#said !== said) say(`${state ?? ''}: ${topic}`);
    this.#said = said;
  }

  #focusNamed() {
    if (location.hash.startsWith('#e-')) this.#list.focus(location.hash.slice(3));
  }
}

/** @param {import('./reads.js').NotFound} refusal */
function isHindrance({ status }) {
  return status !== 404;
}

const WAITING = noticeOf({
  title: 'No event of this intent yet',
  detail:
    'Nothing with this id is stored, and nothing has come over the stream. If the intent was just submitted, its events show here by themselves.',
  remedy:
    'Otherwise compare the id with the intent_id of the 202, or search for another one above.',
});
