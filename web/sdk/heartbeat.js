/**
 * Heartbeat pings at a steady pace and finds out when nobody is there any more:
 * after two pings in a row with nothing heard in between, that is two periods
 * after the first of them. It counts pings instead of looking at the clock, so a
 * page that was asleep does not take its own silence for the server's.
 */
export class Heartbeat {
  #unanswered = 0;
  #timer;

  /**
   * @param {number} periodMs
   * @param {{ping: () => void, dead: () => void}} calls  dead comes at most once
   */
  constructor(periodMs, { ping, dead }) {
    this.#timer = setInterval(() => {
      if (this.#unanswered >= 2) {
        this.stop();
        dead();
        return;
      }
      this.#unanswered++;
      ping();
    }, periodMs);
  }

  /** Anything at all came from the other side. */
  heard() {
    this.#unanswered = 0;
  }

  stop() {
    clearInterval(this.#timer);
  }
}
