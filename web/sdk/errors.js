/**
 * What the SDK itself can fail with; the server's own codes come on top.
 *
 * - `UNSUPPORTED`: this browser has no WebRTC.
 * - `UNREACHABLE`: no Hiroba server answered at the address.
 * - `LINK_LOST`: the signaling link broke and could not be made again in time; the room is over for this client.
 * - `MEDIA_UNREACHABLE`: no media path to the server works now; it is tried again by itself.
 * - `TIMEOUT`: the server, or the peer that was asked, took too long to answer.
 * - `ANSWER_LOST`: the server took this, but its answer was lost while the link was broken.
 * - `QUEUE_FULL`: too much waits to be taken by the server.
 * - `CLOSED`: the room was left before this could be done.
 * - `CHANNEL_CLOSED`: the DataChannel is gone although the room is not.
 * - `BAD_FRAME`: bytes came in over a DataChannel that are no DataFrame.
 * - `NOT_RECEIVED`: none of those that a large message was for gets it.
 * - `MESSAGE_DROPPED`: a large message of another peer was given up before all of it had come.
 *
 * @typedef {import('./messages.js').ErrorCode
 *   | 'UNSUPPORTED' | 'UNREACHABLE' | 'LINK_LOST' | 'MEDIA_UNREACHABLE'
 *   | 'TIMEOUT' | 'ANSWER_LOST' | 'QUEUE_FULL' | 'CLOSED' | 'CHANNEL_CLOSED' | 'BAD_FRAME'
 *   | 'NOT_RECEIVED' | 'MESSAGE_DROPPED'} HirobaErrorCode
 */

/**
 * HirobaError says in one sentence for a person what happened and what to do.
 * Whatever fails on its way to the room fails with one; programs look at `code`.
 */
export class HirobaError extends Error {
  /**
   * @param {HirobaErrorCode} code
   * @param {string} message
   * @param {{retry?: boolean, retryAfterMs?: number, cause?: unknown}} [more]
   */
  constructor(code, message, { retry = false, retryAfterMs = 0, cause } = {}) {
    super(message, cause === undefined ? undefined : { cause });
    /** @readonly */
    this.name = 'HirobaError';
    /** @readonly @type {HirobaErrorCode} */
    this.code = code;
    /** Whether the same thing may succeed later. @readonly */
    this.retry = retry;
    /** How long to wait before that, when the server said so; else 0. @readonly */
    this.retryAfterMs = retryAfterMs;
  }
}

/**
 * Makes a HirobaError of what the server said.
 *
 * @param {import('./messages.js').Error} error
 * @param {number} [retryAfterMs]
 */
export function serverError({ code = 'INTERNAL', message, retry = false }, retryAfterMs = 0) {
  return new HirobaError(code, message || `The server refused this (${code}).`, { retry, retryAfterMs });
}

/**
 * Whether this is the network's word and not the server's: what is between may
 * let another try, or another transport, through.
 *
 * @param {HirobaError} error
 */
export function isNetwork({ code }) {
  return code === 'UNREACHABLE' || code === 'LINK_LOST' || code === 'MALFORMED';
}

/**
 * Wraps whatever was thrown; a HirobaError stays as it is.
 *
 * @param {unknown} thrown
 * @param {HirobaErrorCode} code
 * @param {string} message
 */
export function asHirobaError(thrown, code, message) {
  return thrown instanceof HirobaError ? thrown : new HirobaError(code, message, { cause: thrown });
}
