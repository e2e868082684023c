/**
 * Backoff says how long to wait before the next try: twice as long every time,
 * with up to a half on top by chance, so that clients that lost the same server
 * do not come back all at once.
 */
export class Backoff {
  #firstMs;
  #mostMs;
  #random;
  #tries = 0;

  /**
   * @param {{firstMs?: number, mostMs?: number, random?: () => number}} [bounds]  no
   *   pause is shorter or longer than these
   */
  constructor({ firstMs = 300, mostMs = 20_000, random = Math.random } = {}) {
    this.#firstMs = firstMs;
    this.#mostMs = mostMs;
    this.#random = random;
  }

  /** @returns {number} milliseconds */
  next() {
    const base = Math.min(this.#firstMs * 2 ** this.#tries, (this.#mostMs * 2) / 3);
    this.#tries++;
    return Math.round(base * (1 + this.#random() / 2));
  }

  /** All is well: the next pause is the shortest again. */
  reset() {
    this.#tries = 0;
  }
}
