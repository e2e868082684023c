import { HirobaError } from './errors.js';

/** @import * as wire from './messages.js' */

/**
 * What a client message says, without what the link adds to it.
 *
 * @typedef {Omit<wire.ClientMessage, 'seq' | 'ack' | 'id'>} Body
 */

/**
 * A numbered message.
 *
 * @typedef {object} Numbered
 * @property {number} seq
 * @property {string} text  JSON; stamp() makes it ready to be sent
 * @property {number} bytes  of the text as UTF-8
 */

const MOST_MESSAGES = 1000;
const MOST_BYTES = 1 << 20;
/** What an acknowledgement adds to a message, at the very most. */
const STAMP_BYTES = 32;

/**
 * Outgoing numbers what the client says and keeps it until the server has
 * taken it, so that it can be said again on another connection. It is bounded.
 */
export class Outgoing {
  /** In order and without gaps. @type {Numbered[]} */
  #kept = [];
  #bytes = 0;
  #seq = 0;
  #most;

  /** @param {{messages?: number, bytes?: number}} [most] */
  constructor({ messages = MOST_MESSAGES, bytes = MOST_BYTES } = {}) {
    this.#most = { messages, bytes };
  }

  /**
   * Gives a message the next number. A refused one uses none up, for a number
   * that is skipped would end the session.
   *
   * @param {Body} body
   * @param {string} id  empty when no answer is waited for
   * @param {wire.Limits} [limits]  the server's
   * @returns {Numbered}
   */
  add(body, id, limits = {}) {
    const seq = this.#seq + 1;
    const text = JSON.stringify({ seq: String(seq), id: id || undefined, ...body });
    const bytes = new TextEncoder().encode(text).length;
    checkSize(bytes + STAMP_BYTES, (body.join || body.description ? limits.descriptionBytes : limits.messageBytes) ?? Infinity);
    // Leaving is always possible.
    if (!body.leave && (this.#kept.length >= this.#most.messages || this.#bytes + bytes > this.#most.bytes)) {
      throw new HirobaError('QUEUE_FULL',
        `${this.#kept.length} messages wait for the server already. Wait until the connection is better, then try again.`,
        { retry: true });
    }
    const message = { seq, text, bytes };
    this.#seq = seq;
    this.#bytes += bytes;
    this.#kept.push(message);
    return message;
  }

  /**
   * Forgets what the server has taken.
   *
   * @param {number} received  the highest number that it has
   */
  trim(received) {
    const left = this.after(received);
    for (const { bytes } of this.#kept.slice(0, this.#kept.length - left.length)) this.#bytes -= bytes;
    this.#kept = [...left];
  }

  /**
   * @param {number} seq
   * @returns {readonly Numbered[]} what is kept of the messages after that number, in order
   */
  after(seq) {
    const [first] = this.#kept;
    return first ? this.#kept.slice(Math.max(0, seq + 1 - first.seq)) : [];
  }

  /** Whether it is time to ask the server how far it is. */
  get halfFull() {
    return this.#kept.length * 2 > this.#most.messages || this.#bytes * 2 > this.#most.bytes;
  }
}

/**
 * @param {string} text  JSON of an object that is not empty
 * @param {number} handled  the highest number of the server's that was handled
 * @returns {string} the same with the acknowledgement, which is always of now
 */
export function stamp(text, handled) {
  return `{"ack":"${handled}",${text.slice(1)}`;
}

/**
 * The server would cut the connection over a message that is too large; here
 * it only costs this message.
 *
 * @param {number} bytes
 * @param {number} limit
 */
function checkSize(bytes, limit) {
  if (bytes <= limit) return;
  throw new HirobaError('MESSAGE_TOO_LARGE',
    `The message has ${bytes} bytes; this server takes up to ${limit}. Send less, or in parts.`);
}
