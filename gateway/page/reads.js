/** A read that takes longer is given up. */
const LIMIT_MS = 10_000;

/**
 * @typedef {{ ok: true, value: any }} Found
 * @typedef {{ ok: false, status: number, code: string, title: string, detail: string }} NotFound
 */

/**
 * Reads from the gateway's API. Never throws.
 *
 * @param {string} path
 * @returns {Promise<Found | NotFound>}
 */
export async function read(path) {
  try {
    const response = await fetch(path, { signal: AbortSignal.timeout(LIMIT_MS) });
    const body = await response.json();
    if (response.ok) return { ok: true, value: body };
    const { code = '', title = '', detail = '' } = body;
    return { ok: false, status: response.status, code, title, detail };
  } catch {
    const detail = 'Nothing came back from it. Whatever is on the log stays there.';
    const title = 'The gateway does not answer';
    return { ok: false, status: 0, code: 'GATEWAY_AWAY', title, detail };
  }
}

/** @type {Record<string, string>} */
const REMEDIES = {
  GATEWAY_AWAY: 'See whether it runs: npx millrace stack status. This page asks again by itself.',
  STORE_AWAY:
    'See whether Postgres runs: npx millrace stack status. This page asks again by itself; new events show meanwhile.',
  READ_MODEL_AWAY:
    'See whether Redis runs: npx millrace stack status. This page asks again by itself; the events below are whole.',
};

/** @param {string} code */
export function remedyFor(code) {
  return REMEDIES[code] ?? 'This page asks again by itself.';
}
