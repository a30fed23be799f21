import { ChainPage } from './chain-page.js';
import { element, fill, noticeOf } from './elements.js';
import { IntentPage } from './intent-page.js';
import { listenToSearch } from './search.js';

const INTENT = /^intent-([0-9a-z-]{26,36})$/i;
const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/** Ids that can be searched for, and what they look like. */
const EXAMPLES = [
  ['Intent', '8fec834f-07fe-4926-8af9-0307dd28ed73', 'intent_id of the 202'],
  ['Correlation', 'intent-8fec834f-07fe-4926-8af9-0307dd28ed73', 'of an intent, or a UUID of bots'],
  ['Event', '01M8PC1W8D0028BBPKNN5GZT42', 'eventId in a history or on the stream'],
  ['Plan', '18bab4f7-9fc5-4869-b0d2-880d278c22a4', 'latest_plan_id of an intent'],
];

function home() {
  document.body.className = 'home';
  document.querySelector('input')?.focus();
  const rows = EXAMPLES.map(([name = '', example = '', where = '']) =>
    element(
      'tr',
      {},
      element('th', { scope: 'row' }, name),
      element('td', {}, element('code', {}, example)),
      element('td', {}, where),
    ),
  );
  return element(
    'section',
    { class: 'guide' },
    element('h1', {}, 'Follow an intent'),
    element(
      'p',
      {},
      'From its first event to its last: causes, the time of each hop, plan, transaction and state.',
    ),
    element(
      'table',
      {},
      element('caption', {}, 'What the search takes'),
      element('tbody', {}, ...rows),
    ),
  );
}

/** @param {HTMLElement} main */
function show(main) {
  if (!location.pathname.startsWith('/c/')) return fill(main, home());
  const correlation = decoded(location.pathname.slice('/c/'.length));
  const intent = INTENT.exec(correlation);
  if (intent !== null) return new IntentPage(main, intent[1] ?? '');
  if (UUID.test(correlation)) return new ChainPage(main, correlation);
  const notice = {
    title: 'This is no correlation',
    detail: `“${correlation}” has not the form of one.`,
    remedy:
      'Correlations of intents begin with intent-; those of bots are UUIDs. Search for an id above.',
  };
  return fill(main, noticeOf(notice));
}

/** @param {string} text */
function decoded(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

const main = document.querySelector('main');
const form = document.querySelector('form');
if (main !== null && form !== null) {
  show(main);
  listenToSearch(form);
}
