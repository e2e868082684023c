import { HirobaError, serverError } from './errors.js';

/** @import { ServerMessage } from './messages.js' */

/**
 * Answers pairs what the client asked with what the server answered: a message
 * with an id is answered by exactly one whose `re` is that id.
 */
export class Answers {
  /**
   * @typedef {{
   *   resolve: (message: ServerMessage) => void,
   *   reject: (error: HirobaError) => void,
   *   timer: ReturnType<typeof setTimeout>,
   * }} Waiting
   */

  /** @type {Map<string, Waiting>} */
  #waiting = new Map();
  #count = 0;
  #timeoutMs;

  /** @param {number} [timeoutMs]  how long an answer may take */
  constructor(timeoutMs = 10_000) {
    this.#timeoutMs = timeoutMs;
  }

  /**
   * @returns {{id: string, answer: Promise<ServerMessage>}} the id to send, and
   *   its answer; an answer `error` rejects with HirobaError
   */
  ask() {
    const id = (++this.#count).toString(36);
    /** @type {Promise<ServerMessage>} */
    const answer = new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#waiting.delete(id);
        reject(new HirobaError('TIMEOUT',
          `The server did not answer within ${this.#timeoutMs / 1000} seconds. Try again.`, { retry: true }));
      }, this.#timeoutMs);
      this.#waiting.set(id, { resolve, reject, timer });
    });
    return { id, answer };
  }

  /**
   * @param {ServerMessage} message
   * @returns {boolean} whether somebody was waiting for this message
   */
  settle(message) {
    const waiting = this.#take(message.re ?? '');
    if (!waiting) return false;
    if (message.error) waiting.reject(serverError(message.error));
    else waiting.resolve(message);
    return true;
  }

  /**
   * Ends all waiting.
   *
   * @param {HirobaError} error
   */
  fail(error) {
    for (const id of [...this.#waiting.keys()]) this.#take(id)?.reject(error);
  }

  /** @param {string} id */
  #take(id) {
    const waiting = this.#waiting.get(id);
    this.#waiting.delete(id);
    clearTimeout(waiting?.timer);
    return waiting;
  }
}
