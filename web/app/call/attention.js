/** A page that is out of sight for so long shows nothing. Many are back sooner. */
const AWAY_MS = 5000;

/**
 * Whether anybody can see this page. Fires 'change' when `looking` does: late
 * when it goes out of sight, at once when it comes back.
 */
export class Attention extends EventTarget {
  #document;
  #looking = true;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;

  /**
   * @param {AbortSignal} life  follows the document until this is aborted
   * @param {Document} [shown]
   */
  constructor(life, shown = document) {
    super();
    this.#document = shown;
    const follow = () => this.#follow();
    // A picture in a window of its own is seen without its page.
    for (const type of ['visibilitychange', 'enterpictureinpicture', 'leavepictureinpicture']) {
      shown.addEventListener(type, follow, { signal: life });
    }
    life.addEventListener('abort', () => clearTimeout(this.#timer));
    follow();
  }

  get looking() {
    return this.#looking;
  }

  #follow() {
    clearTimeout(this.#timer);
    const { visibilityState, pictureInPictureElement } = this.#document;
    if (visibilityState === 'visible' || pictureInPictureElement) this.#set(true);
    else this.#timer = setTimeout(() => this.#set(false), AWAY_MS);
  }

  /** @param {boolean} looking */
  #set(looking) {
    if (looking === this.#looking) return;
    this.#looking = looking;
    this.dispatchEvent(new Event('change'));
  }
}
