/**
 * What this browser remembers of its person from call to call. A browser that
 * refuses storage (a private window) just does not remember.
 *
 * @typedef {object} Preferences
 * @property {string} name
 * @property {string} camera device id, '' for the system's choice
 * @property {string} microphone
 * @property {string} speaker
 */

const KEY = 'hiroba.preferences';

/** @type {Preferences} */
const NOTHING = { name: '', camera: '', microphone: '', speaker: '' };

/** @returns {Preferences} */
export function remembered() {
  /** @type {Record<string, unknown>} */
  let stored = {};
  try {
    stored = Object(JSON.parse(localStorage.getItem(KEY) ?? '{}'));
  } catch {
    // Unreadable is the same as never stored.
  }
  const text = (/** @type {keyof Preferences} */ key) => (typeof stored[key] === 'string' ? stored[key] : NOTHING[key]);
  return { name: text('name'), camera: text('camera'), microphone: text('microphone'), speaker: text('speaker') };
}

/** @param {Partial<Preferences>} change */
export function remember(change) {
  try {
    localStorage.setItem(KEY, JSON.stringify({ ...remembered(), ...change }));
  } catch {
    // Full or refused: nothing is lost that matters now.
  }
}
