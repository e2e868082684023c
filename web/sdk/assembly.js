import { HirobaError } from './errors.js';

/** @import { DataFrame } from './frame.js' */

/** The most bytes of a message in parts. */
export const MAX_MESSAGE = 16 << 20;

/** How much is kept of one sender, and of all. */
const MAX_UNFINISHED = 16;
const MAX_SENDER_BYTES = 64 << 20;
const MAX_BYTES = 256 << 20;
/** How long what is unfinished is kept of a sender that sends nothing more. */
const SENDER_PATIENCE_MS = 60_000;

/**
 * @typedef {object} Unfinished
 * @property {DataFrame} first
 * @property {Uint8Array[]} parts
 * @property {number} bytes
 * @property {number} total
 */

/** @typedef {{messages: Map<number, Unfinished>, bytes: number, heardMs: number}} Sender */

/**
 * Assembly puts messages in parts together again. What it holds is bounded
 * whatever comes: parts are kept as they arrive, so that a total that is only
 * claimed costs nothing. It is pure: times are given to it.
 */
export class Assembly {
  /** By peer id. @type {Map<string, Sender>} */
  #senders = new Map();
  #bytes = 0;

  /** How many senders have something unfinished. */
  get senders() {
    return this.#senders.size;
  }

  /** How many bytes are kept. */
  get bytes() {
    return this.#bytes;
  }

  /**
   * Takes a frame with a part.
   *
   * @param {number} nowMs
   * @param {DataFrame} frame
   * @returns {{whole?: DataFrame, received?: number, dropped?: HirobaError}} the message, when it
   *   is whole by this; how much of it there is, when that has grown; what was given up, once for
   *   each message: later parts of it are passed over
   */
  take(nowMs, frame) {
    const { from, payload, part } = frame;
    if (!part) return { whole: frame };
    const { message: id, offset, total } = part;
    const end = offset + payload.length;
    if (payload.length === 0 || total > MAX_MESSAGE || end > total) {
      return { dropped: gaveUp(from, `a part has ${payload.length} bytes at ${offset} of ${total}`) };
    }
    let sender = this.#senders.get(from);
    let message = sender?.messages.get(id);
    if (offset === 0 && !message) {
      sender ??= { messages: new Map(), bytes: 0, heardMs: nowMs };
      if (sender.messages.size === MAX_UNFINISHED) {
        return { dropped: gaveUp(from, `${MAX_UNFINISHED} are unfinished already`) };
      }
      message = { first: frame, parts: [], bytes: 0, total };
      sender.messages.set(id, message);
      this.#senders.set(from, sender);
    }
    if (sender) sender.heardMs = nowMs;
    // Given up before, or there already.
    if (!sender || !message || end <= message.bytes) return {};
    if (offset !== message.bytes || total !== message.total) {
      this.#drop(from, sender, id);
      return { dropped: gaveUp(from, `a part for byte ${offset} of ${total} came after byte ${message.bytes} of ${message.total}`) };
    }
    if (sender.bytes + payload.length > MAX_SENDER_BYTES) {
      this.#drop(from, sender, id);
      return { dropped: gaveUp(from, `more than ${MAX_SENDER_BYTES >> 20} MiB are unfinished`) };
    }
    let dropped;
    if (this.#bytes + payload.length > MAX_BYTES) {
      // Who has sent most pays, not who happens to come now.
      const largest = this.#largest();
      this.#forget(largest);
      dropped = gaveUp(largest, `more than ${MAX_BYTES >> 20} MiB of all are unfinished, most of them of this one`);
      if (largest === from) return { dropped };
    }
    message.parts.push(payload);
    message.bytes = end;
    sender.bytes += payload.length;
    this.#bytes += payload.length;
    if (end < total) return { received: end, dropped };
    this.#drop(from, sender, id);
    return { whole: join(message), received: end, dropped };
  }

  /**
   * Gives up what is unfinished of senders that went silent.
   *
   * @param {number} nowMs
   * @returns {HirobaError[]}
   */
  sweep(nowMs) {
    const silent = [...this.#senders].filter(([, { heardMs }]) => nowMs - heardMs >= SENDER_PATIENCE_MS);
    return silent.map(([from]) => {
      this.#forget(from);
      return gaveUp(from, 'nothing more came of it');
    });
  }

  /**
   * @param {string} from
   * @param {Sender} sender
   * @param {number} id
   */
  #drop(from, sender, id) {
    const bytes = sender.messages.get(id)?.bytes ?? 0;
    sender.messages.delete(id);
    sender.bytes -= bytes;
    this.#bytes -= bytes;
    if (sender.messages.size === 0) this.#senders.delete(from);
  }

  /** @param {string} from */
  #forget(from) {
    this.#bytes -= this.#senders.get(from)?.bytes ?? 0;
    this.#senders.delete(from);
  }

  #largest() {
    return [...this.#senders].reduce((most, sender) => (sender[1].bytes > most[1].bytes ? sender : most))[0];
  }
}

/**
 * @param {Unfinished} message
 * @returns {DataFrame}
 */
function join({ first: { from, to, topic }, parts, total }) {
  const payload = new Uint8Array(total);
  let at = 0;
  for (const part of parts) {
    payload.set(part, at);
    at += part.length;
  }
  return { from, to, topic, payload };
}

/**
 * @param {string} from
 * @param {string} why
 */
function gaveUp(from, why) {
  return new HirobaError('MESSAGE_DROPPED', `A large message of the peer ${from} was given up: ${why}. Have it sent again.`);
}
