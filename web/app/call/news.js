/** @typedef {import('./attendance.js').Did} Did */
/** @typedef {import('./toasts.js').Toast} Toast */

/** People who come or go together are told of together. */
const TOGETHER_MS = 600;

/** What is said otherwise of several. @type {Partial<Record<Did, string>>} */
const OF_SEVERAL = { 'is back': 'are back', 'was removed': 'were removed' };

/** More than these nobody reads: the oldest goes. */
const MOST = 3;

/**
 * What has happened lately, as toasts. Fires 'change' when `toasts` changes.
 */
export class News extends EventTarget {
  /** @type {readonly Toast[]} */
  #toasts = [];
  /** @type {Map<number, () => void>} */
  #actions = new Map();
  #count = 0;
  /** @type {Map<Did, string[]>} what they did → who */
  #pending = new Map();
  #timer = 0;

  get toasts() {
    return this.#toasts;
  }

  /**
   * @param {string} text
   * @param {{label: string, run: () => void}} [action]
   * @param {Pick<Toast, 'stays' | 'about'>} [options]
   */
  tell(text, action, options = {}) {
    const number = ++this.#count;
    const kept = this.#toasts.filter((toast) => !options.about || toast.about !== options.about);
    const oldest = kept.length >= MOST ? kept.find((toast) => !toast.stays) : undefined;
    this.#set([...kept.filter((toast) => toast !== oldest), { number, text, action: action?.label, ...options }]);
    if (action) this.#actions.set(number, action.run);
  }

  /** @param {string} about it needs no more telling */
  dropAbout(about) {
    this.#set(this.#toasts.filter((toast) => toast.about !== about));
  }

  /**
   * Somebody did what others may be doing in the same moment.
   *
   * @param {string} name
   * @param {Did} did
   */
  tellOf(name, did) {
    this.#pending.set(did, [...(this.#pending.get(did) ?? []), name]);
    this.#timer ||= setTimeout(() => this.#flush(), TOGETHER_MS);
  }

  /** @param {number} number */
  act(number) {
    const run = this.#actions.get(number);
    this.drop(number);
    run?.();
  }

  /** @param {number} number */
  drop(number) {
    this.#set(this.#toasts.filter((toast) => toast.number !== number));
  }

  #flush() {
    this.#timer = 0;
    for (const [did, names] of this.#pending) this.tell(`${list(names)} ${(names.length > 1 && OF_SEVERAL[did]) || did}`);
    this.#pending.clear();
  }

  /** @param {readonly Toast[]} toasts */
  #set(toasts) {
    this.#toasts = toasts;
    for (const number of this.#actions.keys()) {
      if (!toasts.some((toast) => toast.number === number)) this.#actions.delete(number);
    }
    this.dispatchEvent(new Event('change'));
  }
}

/**
 * Names as one says them: Ann; Ann and Bo; Ann and 3 others.
 *
 * @param {readonly string[]} names
 */
export function list(names) {
  const [first = '', second = ''] = names;
  if (names.length === 1) return first;
  if (names.length === 2) return `${first} and ${second}`;
  return `${first} and ${names.length - 1} others`;
}
