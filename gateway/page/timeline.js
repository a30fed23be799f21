/**
 * @typedef {object} StreamEvent an event in wire form
 * @property {string} eventId
 * @property {string} timestamp
 * @property {string} topic
 * @property {string} correlationId
 * @property {string | null} causationId
 * @property {Record<string, any>} payload
 * @property {number | null} sequence
 *
 * @typedef {object} Step an event, and how it came to be
 * @property {StreamEvent} event
 * @property {StreamEvent | null} cause null: it has none, or none that is known
 * @property {number} startMs of its cause, after the first event
 * @property {number} atMs after the first event
 */

/**
 * The events in their order, once each, with the time of each hop.
 *
 * @param {Iterable<StreamEvent>} events
 * @returns {{ steps: Step[], totalMs: number, missing: number[] }} `missing`: sequences that are not there, up to the last
 */
export function timelineOf(events) {
  const byId = new Map([...events].map((event) => [event.eventId, event]));
  const ordered = [...byId.values()].sort(byPlace);
  const origin = Math.min(...ordered.map(microsOf));
  const after = (/** @type {StreamEvent} */ event) => (microsOf(event) - origin) / 1000;
  const steps = ordered.map((event) => {
    const cause = byId.get(event.causationId ?? '') ?? null;
    const atMs = after(event);
    return { event, cause, atMs, startMs: cause === null ? atMs : Math.min(after(cause), atMs) };
  });
  const totalMs = Math.max(0, ...steps.map(({ atMs }) => atMs));
  return { steps, totalMs, missing: missingOf(ordered) };
}

/**
 * @param {StreamEvent} a
 * @param {StreamEvent} b
 */
function byPlace(a, b) {
  const place = (a.sequence ?? Infinity) - (b.sequence ?? Infinity);
  if (place !== 0 && !Number.isNaN(place)) return place;
  return microsOf(a) - microsOf(b) || (a.eventId < b.eventId ? -1 : 1);
}

/** @param {StreamEvent[]} events */
function missingOf(events) {
  const there = new Set(events.map(({ sequence }) => sequence));
  const last = Math.max(0, ...events.map(({ sequence }) => sequence ?? 0));
  return Array.from({ length: last }, (_, index) => index + 1).filter((each) => !there.has(each));
}

/**
 * Microseconds since 1970: a Date would lose the last three digits.
 *
 * @param {{ timestamp: string }} event
 */
export function microsOf({ timestamp }) {
  const [seconds = '', fraction = ''] = timestamp.replace('Z', '').split('.');
  return Date.parse(`${seconds}Z`) * 1000 + Number(fraction.padEnd(6, '0').slice(0, 6));
}

/** @param {number} ms */
export function durationText(ms) {
  if (ms < 1) return `${Number(ms.toFixed(2))} ms`;
  if (ms < 100) return `${Number(ms.toFixed(1))} ms`;
  if (ms < 1_000) return `${Math.round(ms)} ms`;
  if (ms < 60_000) return `${(ms / 1_000).toFixed(2)} s`;
  const seconds = Math.round(ms / 1_000);
  const [hours, minutes] = [Math.floor(seconds / 3_600), Math.floor(seconds / 60) % 60];
  return hours > 0 ? `${hours} h ${minutes} min` : `${minutes} min ${seconds % 60} s`;
}

/** The states of an intent in the order they come. */
export const STATES = ['Submitted', 'Accepted', 'Planned', 'Executing', 'Completed', 'Failed'];

/** @type {Record<string, string>} */
const STATE_AFTER = {
  'intent.submitted': 'Submitted',
  'intent.accepted': 'Accepted',
  'plan.created': 'Planned',
  'exec.started': 'Executing',
  'exec.completed': 'Completed',
  'risk.rejected': 'Failed',
  'plan.rejected': 'Failed',
  'exec.failed': 'Failed',
};

/**
 * When each state was reached, and which event did it.
 *
 * @param {Step[]} steps
 * @returns {Map<string, Step>}
 */
export function statesOf(steps) {
  /** @type {Map<string, Step>} */
  const states = new Map();
  for (const step of steps) {
    const state = STATE_AFTER[step.event.topic];
    if (state !== undefined && !states.has(state)) states.set(state, step);
  }
  return states;
}

/**
 * The one that comes later of two states; null comes before all.
 *
 * @param {string | null} a
 * @param {string | null} b
 */
export function laterOf(a, b) {
  return STATES.indexOf(a ?? '') >= STATES.indexOf(b ?? '') ? a : b;
}

/** @param {string | null} state */
export function isEnd(state) {
  return state === 'Completed' || state === 'Failed';
}
