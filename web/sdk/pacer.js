/** The server counts each begun 4 KiB of a message as one. */
const UNIT_BYTES = 4096;

/**
 * Pacer keeps what a client sends within the server's limit of messages per
 * second: what comes too fast would be refused there, its number used up. It
 * stays somewhat below, because pings and time on the way count, too.
 */
export class Pacer {
  #perMs = Infinity;
  #burst = Infinity;
  #left = 0;
  #at = 0;

  /** @param {number} perSecond  the server's limit; it lets a burst of twice as many through */
  limit(perSecond) {
    const burst = perSecond * 1.5;
    if (burst === this.#burst) return;
    this.#perMs = (perSecond * 0.9) / 1000;
    this.#burst = burst;
    this.#left = burst;
  }

  /**
   * @param {number} bytes  of the message that is next
   * @param {number} now  milliseconds
   * @returns {number} 0: send it; else how many milliseconds to wait before asking again
   */
  take(bytes, now) {
    if (this.#burst === Infinity) return 0;
    this.#left = Math.min(this.#burst, this.#left + Math.max(0, now - this.#at) * this.#perMs);
    this.#at = now;
    // What costs more than a whole burst costs a whole burst.
    const cost = Math.min(this.#burst, Math.ceil(bytes / UNIT_BYTES));
    if (cost > this.#left) return Math.ceil((cost - this.#left) / this.#perMs);
    this.#left -= cost;
    return 0;
  }
}
