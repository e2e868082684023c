/** How long a probe may take to be answered. */
const PROBE_MS = 5000;

/**
 * Heartbeat pings at a steady pace and finds out when nobody is there any more:
 * after two pings in a row with nothing heard in between, that is two periods
 * after the first of them. It counts pings instead of looking at the clock, so a
 * page that was asleep does not take its own silence for the server's.
 */
export class Heartbeat {
  #unanswered = 0;
  #calls;
  #timer;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #probe;

  /**
   * @param {number} periodMs
   * @param {{ping: () => void, dead: () => void}} calls  dead comes at most once
   */
  constructor(periodMs, calls) {
    this.#calls = calls;
    this.#timer = setInterval(() => {
      if (this.#unanswered >= 2) this.#dead();
      else this.#ping();
    }, periodMs);
  }

  /** Anything at all came from the other side. */
  heard() {
    this.#unanswered = 0;
    clearTimeout(this.#probe);
    this.#probe = undefined;
  }

  /** There is reason to doubt that somebody is there: finds out within 5 seconds. */
  probe() {
    if (this.#probe !== undefined) return;
    this.#probe = setTimeout(() => this.#dead(), PROBE_MS);
    this.#ping();
  }

  stop() {
    clearInterval(this.#timer);
    clearTimeout(this.#probe);
  }

  #ping() {
    this.#unanswered++;
    this.#calls.ping();
  }

  #dead() {
    this.stop();
    this.#calls.dead();
  }
}
