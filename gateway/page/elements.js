/**
 * Makes an element. Children that are texts become text nodes and nothing else, so what a strategy or a reason says is
 * never markup.
 *
 * @param {string} name
 * @param {Record<string, unknown>} [attributes] null and false are left out; `onclick` takes a function
 * @param {...(Node | string | null)} children null is left out
 * @returns {HTMLElement}
 */
export function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (typeof value === 'function') made.addEventListener(key.slice(2), (event) => value(event));
    else made.setAttribute(key, value === true ? '' : String(value));
  }
  made.append(...children.filter((child) => child !== null));
  return made;
}

/**
 * Puts children in place of those that are there.
 *
 * @param {Element | null} parent
 * @param {...(Node | string | null)} children
 */
export function fill(parent, ...children) {
  parent?.replaceChildren(...children.filter((child) => child !== null));
}

/**
 * An id in full, that can be copied.
 *
 * @param {string} what what it is the id of
 * @param {string} id
 */
export function copyable(what, id) {
  const text = element('code', { class: 'id' }, id);
  const said = element('span', { 'aria-hidden': 'true' }, 'Copy');
  const copy = async () => {
    const isCopied = await copied(id, text);
    said.textContent = isCopied ? 'Copied' : 'Selected';
    say(isCopied ? `${what} copied` : `${what} selected`);
    setTimeout(() => (said.textContent = 'Copy'), 1_500);
  };
  const button = element('button', { type: 'button', class: 'copy', onclick: copy }, said);
  button.setAttribute('aria-label', `Copy ${what}`);
  return element('span', { class: 'copyable' }, text, button);
}

/**
 * Without a secure connection there is no clipboard: then the id is selected, ready to be copied.
 *
 * @param {string} text
 * @param {Element} shown
 */
async function copied(text, shown) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    getSelection()?.selectAllChildren(shown);
    return false;
  }
}

/**
 * Says something to those who listen to the page.
 *
 * @param {string} text
 */
export function say(text) {
  fill(document.querySelector('#said'), text);
}

/**
 * A message in place of what cannot be shown, or above it.
 *
 * @param {{ title: string, detail: string, remedy?: string, tone?: string }} notice
 */
export function noticeOf({ title, detail, remedy = '', tone = '' }) {
  return element(
    'section',
    { class: `notice ${tone}` },
    element('h2', {}, title),
    element('p', {}, detail),
    remedy === '' ? null : element('p', { class: 'remedy' }, remedy),
  );
}
