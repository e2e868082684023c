/** @import * as wire from './messages.js' */

/**
 * One thing that the application shows: a track, or whoever speaks.
 *
 * @typedef {object} Shown
 * @property {string} [track]  track id
 * @property {boolean} [speaker]  in the place of `track`: the camera of whoever spoke last, and of the next
 *   one in a second such entry; tracks named elsewhere are left out. `media` events tell which it is
 * @property {number} [width]  device pixels
 * @property {number} [height]  device pixels
 * @property {number} [priority]  higher is served first; equal ones in the order of the list
 * @property {boolean} [paused]  shown as a still: its slot stays reserved, nothing is sent
 */

/** Layouts change in bursts, and the server counts messages. */
const QUIET_MS = 100;

/**
 * View tells the server what is shown: at once, then at most every 100 ms, and
 * only what differs from the last.
 */
export class View {
  #send;
  /** null: never set, everything is wanted. @type {wire.Shown[] | null} */
  #shown = null;
  #sent = '';
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;

  /** @param {(view: wire.View) => void} send */
  constructor(send) {
    this.#send = send;
  }

  /** @param {Shown[]} shown  most important first */
  set(shown) {
    this.#shown = shown.map(({ track, speaker = false, width = 0, height = 0, priority = 0, paused = false }) => ({
      ...(speaker ? { speaker } : { track }),
      width: whole(width),
      height: whole(height),
      priority: whole(priority),
      paused,
    }));
    if (this.#timer === undefined) this.#flush();
  }

  /**
   * Whether a track is wanted.
   *
   * @param {string} track
   */
  has(track) {
    return this.#shown?.some((shown) => shown.track === track) ?? true;
  }

  /** How many places there are for whoever speaks. */
  get speakers() {
    return this.#shown?.filter(({ speaker }) => speaker).length ?? 0;
  }

  stop() {
    clearTimeout(this.#timer);
    this.#send = () => {};
  }

  #flush() {
    this.#timer = undefined;
    const view = { shown: this.#shown ?? [] };
    const text = JSON.stringify(view);
    if (text === this.#sent) return;
    this.#sent = text;
    this.#send(view);
    this.#timer = setTimeout(() => this.#flush(), QUIET_MS);
  }
}

/** @param {number} value  what a layout computed; the protocol counts in whole numbers from 0 */
function whole(value) {
  return Math.max(0, Math.round(value) || 0);
}
