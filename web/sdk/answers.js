import { HirobaError, serverError } from './errors.js';

/** @import { ServerMessage, ErrorCode } from './messages.js' */

/**
 * How an answer is waited for.
 *
 * @typedef {object} Patience
 * @property {number} [timeoutMs]  give up after this, however the link fares; left out, after
 *   10 seconds in which the link was up
 * @property {() => void} [onWaiting]  the answer was `waiting`: the real one may take any time
 */

/**
 * @typedef {object} Asked
 * @property {(message: ServerMessage) => void} resolve
 * @property {(error: HirobaError) => void} reject
 * @property {() => void} [onWaiting]
 * @property {number} seq  number of the message that asked; Infinity before it has one
 * @property {number} timeoutMs
 * @property {boolean} strict  the time runs while the link is down, too
 * @property {ReturnType<typeof setTimeout>} [timer]
 */

const TIMEOUT_MS = 10_000;

/** What may be said of candidates and the like while the answer to join is out. @type {Set<ErrorCode | undefined>} */
const BESIDE_THE_POINT = new Set(['JOIN_FIRST', 'BAD_CANDIDATE', 'NO_SUCH_PEER', 'TOO_MANY_MESSAGES', 'MESSAGE_TOO_LARGE']);

/**
 * Answers pairs what the client asked with what the server answered: a message
 * with an id is answered by exactly one whose `re` is that id.
 */
export class Answers {
  /** @type {Map<string, Asked>} */
  #asked = new Map();
  /** Who was told to wait: its answer comes without `re`. @type {Asked | null} */
  #parked = null;
  #count = 0;
  #paused = false;
  #timeoutMs;

  /** @param {number} [timeoutMs]  how long an answer may take */
  constructor(timeoutMs = TIMEOUT_MS) {
    this.#timeoutMs = timeoutMs;
  }

  /**
   * @param {Patience} [patience]
   * @returns {{id: string, answer: Promise<ServerMessage>}} the id to send, and
   *   its answer; an answer `error` rejects with HirobaError
   */
  ask({ timeoutMs, onWaiting } = {}) {
    const id = (++this.#count).toString(36);
    /** @type {Promise<ServerMessage>} */
    const answer = new Promise((resolve, reject) => {
      const asked = {
        resolve, reject, onWaiting, seq: Infinity, timeoutMs: timeoutMs ?? this.#timeoutMs, strict: timeoutMs !== undefined,
      };
      this.#asked.set(id, asked);
      if (asked.strict || !this.#paused) this.#startClock(id, asked);
    });
    return { id, answer };
  }

  /**
   * The message that asks has got its number.
   *
   * @param {string} id
   * @param {number} seq
   */
  numbered(id, seq) {
    const asked = this.#asked.get(id);
    if (asked) asked.seq = seq;
  }

  /**
   * @param {ServerMessage} message
   * @returns {boolean} whether somebody was waiting for this message
   */
  settle(message) {
    const asked = message.re ? this.#take(message.re) : this.#unpark(message);
    if (!asked) return false;
    if (message.waiting) {
      this.#parked = asked;
      asked.onWaiting?.();
    } else if (message.error) {
      asked.reject(serverError(message.error));
    } else {
      asked.resolve(message);
    }
    return true;
  }

  /** The link is down: nobody is blamed for not answering. */
  pause() {
    this.#paused = true;
    for (const asked of this.#asked.values()) {
      if (!asked.strict) clearTimeout(asked.timer);
    }
  }

  /** The link is up again, and all has the whole time once more. */
  resume() {
    if (!this.#paused) return;
    this.#paused = false;
    for (const [id, asked] of this.#asked) {
      if (!asked.strict) this.#startClock(id, asked);
    }
  }

  /**
   * The server's answers were lost, those to messages up to a number.
   *
   * @param {number} upTo
   */
  lost(upTo) {
    for (const [id, { seq }] of [...this.#asked]) {
      if (seq > upTo) continue;
      this.#take(id)?.reject(new HirobaError('ANSWER_LOST',
        'The connection broke, and the server\'s answer was lost with it. Whether it was done is not known.', { retry: true }));
    }
  }

  /**
   * Nobody waits for this answer any more.
   *
   * @param {string} id
   */
  forget(id) {
    this.#take(id);
  }

  /**
   * Ends all waiting.
   *
   * @param {HirobaError} error
   */
  fail(error) {
    for (const id of [...this.#asked.keys()]) this.#take(id)?.reject(error);
    this.#parked?.reject(error);
    this.#parked = null;
  }

  /** @param {string} id */
  #take(id) {
    const asked = this.#asked.get(id);
    this.#asked.delete(id);
    clearTimeout(asked?.timer);
    return asked;
  }

  /** @param {ServerMessage} message  that answers nobody by id */
  #unpark({ joined, error }) {
    if (!this.#parked || !(joined || (error && !BESIDE_THE_POINT.has(error.code)))) return null;
    const parked = this.#parked;
    this.#parked = null;
    return parked;
  }

  /**
   * @param {string} id
   * @param {Asked} asked
   */
  #startClock(id, asked) {
    asked.timer = setTimeout(() => {
      this.#take(id)?.reject(new HirobaError('TIMEOUT',
        `The server did not answer within ${asked.timeoutMs / 1000} seconds. Try again.`, { retry: true }));
    }, asked.timeoutMs);
  }
}
