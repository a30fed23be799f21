import { fill } from './elements.js';
import { read, remedyFor } from './reads.js';

const CORRELATION = /^intent-[0-9a-z-]{26,36}$/i;

/**
 * Makes the search find what an id belongs to, and go there.
 *
 * @param {HTMLFormElement} form
 */
export function listenToSearch(form) {
  const input = /** @type {HTMLInputElement} */ (form.elements.namedItem('q'));
  const said = form.querySelector('#search-said');
  const tell = (/** @type {string} */ text) => {
    input.setAttribute('aria-invalid', String(text !== ''));
    fill(said, text);
  };
  const search = async () => {
    const text = input.value.trim();
    if (text === '') return tell('Paste an id: of an intent, a correlation, an event or a plan.');
    tell('Looking…');
    const found = await addressOf(text);
    if ('address' in found) return location.assign(found.address);
    tell(found.problem);
    input.select();
  };
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    void search();
  });
  const asked = new URLSearchParams(location.search).get('q');
  if (asked === null) return;
  input.value = asked;
  void search();
}

/**
 * @param {string} text
 * @returns {Promise<{ address: string } | { problem: string }>}
 */
async function addressOf(text) {
  if (CORRELATION.test(text)) return { address: addressOfCorrelation(text) };
  const found = await read(`/lookup/${encodeURIComponent(text)}`);
  if (found.ok) {
    const { id, correlation_id, found_by } = found.value;
    const named = found_by === 'event_id' ? `#e-${id}` : '';
    return { address: addressOfCorrelation(correlation_id) + named };
  }
  if (found.status === 404)
    return {
      problem:
        'No intent, correlation, event or plan that is stored has this id. If it is new, try again in a moment.',
    };
  return { problem: `${found.title}. ${remedyFor(found.code)}` };
}

/** @param {string} correlationId */
function addressOfCorrelation(correlationId) {
  return `/c/${encodeURIComponent(correlationId)}`;
}
