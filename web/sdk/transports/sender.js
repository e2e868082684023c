import { asHirobaError, isNetwork } from '../errors.js';
import { sleep } from '../sleep.js';
import { headers, requestJSON, sessionUrl } from './http.js';

/** @import { CarrierCalls, Pass } from '../carrier.js' */
/** @import { SendResponse } from '../messages.js' */

/** More than this goes into another request; a single message may be larger. */
const BATCH_BYTES = 48 << 10;
const BATCH_MESSAGES = 50;
/** Pauses before the same request is tried again; the server takes a number only once. */
const RETRY_MS = [300, 1000];
const LONGEST_RETRY_MS = 10_000;

/**
 * Sender posts a session's messages, one request at a time and in order; what
 * comes meanwhile goes together into the next one.
 */
export class Sender {
  #pass;
  #token;
  #calls;
  #stop;
  /** @type {string[]} */
  #waiting = [];
  #busy = false;

  /**
   * @param {Pass} pass
   * @param {() => string} token  the resume token of now
   * @param {CarrierCalls} calls
   * @param {AbortController} stop  aborted when all is over; a request that fails for good aborts it
   */
  constructor(pass, token, calls, stop) {
    this.#pass = pass;
    this.#token = token;
    this.#calls = calls;
    this.#stop = stop;
  }

  /** @param {string[]} texts */
  send(texts) {
    this.#waiting.push(...texts);
    if (!this.#busy) void this.#run();
  }

  async #run() {
    this.#busy = true;
    try {
      while (this.#waiting.length > 0 && !this.#stop.signal.aborted) await this.#post(this.#batch());
    } catch (error) {
      if (this.#stop.signal.aborted) return;
      this.#stop.abort();
      this.#calls.closed(asHirobaError(error, 'LINK_LOST', `Sending failed: ${error}`));
    } finally {
      this.#busy = false;
    }
  }

  #batch() {
    let bytes = 0;
    // UTF-16 units become up to three bytes each.
    const fits = this.#waiting.findIndex((text, i) => i >= BATCH_MESSAGES || ((bytes += text.length * 3) > BATCH_BYTES && i > 0));
    return this.#waiting.splice(0, fits < 0 ? this.#waiting.length : fits).join('\n');
  }

  /** @param {string} body */
  async #post(body) {
    /** @type {SendResponse} */
    const { received, messages = [] } = await this.#try(body);
    if (this.#stop.signal.aborted) return;
    if (received !== undefined) this.#calls.received(Number(received));
    for (const message of messages) this.#calls.message(message);
  }

  /** @param {string} body */
  async #try(body) {
    for (let tries = 0; ; tries++) {
      try {
        return await requestJSON(sessionUrl(this.#pass), {
          method: 'POST',
          headers: { ...headers(this.#token()), 'Content-Type': 'application/json' },
          body,
        }, { signal: this.#stop.signal });
      } catch (thrown) {
        const error = asHirobaError(thrown, 'LINK_LOST', `Sending failed: ${thrown}`);
        const pause = RETRY_MS[tries];
        const again = isNetwork(error) || error.retryAfterMs > 0;
        if (pause === undefined || !again || this.#stop.signal.aborted) throw error;
        await sleep(Math.min(Math.max(pause, error.retryAfterMs), LONGEST_RETRY_MS), this.#stop.signal);
      }
    }
  }
}
