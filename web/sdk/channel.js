import { HirobaError } from './errors.js';

/** Above this many bytes in the browser's buffer, senders wait. */
const HIGH_WATER = 1 << 20;
/** Parts of large messages wait above this, so that a small one finds little before it. */
const LOW_WATER = 1 << 16;

/**
 * The part of RTCDataChannel that a Channel needs.
 *
 * @typedef {Pick<RTCDataChannel, 'label' | 'readyState' | 'binaryType' | 'bufferedAmount'
 *   | 'bufferedAmountLowThreshold' | 'addEventListener' | 'send'>} DataChannel
 */

/**
 * Channel sends whole messages over one DataChannel, in the order of the calls,
 * and makes the caller wait while the browser holds more than 1 MiB unsent.
 * Parts of large messages have a line of their own, in which they wait until
 * the browser holds no more than 64 KiB.
 */
export class Channel {
  #channel;
  /** The last message in each line. @type {{message: Promise<void>, part: Promise<void>}} */
  #tails = { message: Promise.resolve(), part: Promise.resolve() };
  #closed = new AbortController();

  /**
   * @param {DataChannel} channel
   * @param {(bytes: Uint8Array<ArrayBuffer>) => void} received
   * @param {(error: HirobaError) => void} [gone]  the channel was closed
   */
  constructor(channel, received, gone) {
    this.#channel = channel;
    channel.binaryType = 'arraybuffer';
    channel.bufferedAmountLowThreshold = LOW_WATER;
    channel.addEventListener('message', ({ data }) => {
      // The SFU sends binary only; text would come from something else.
      if (data instanceof ArrayBuffer) received(new Uint8Array(data));
    }, { signal: this.#closed.signal });
    if (gone) channel.addEventListener('close', () => gone(this.#lost()), { signal: this.#closed.signal });
  }

  /**
   * @param {Uint8Array<ArrayBuffer>} bytes
   * @param {'message' | 'part'} [line]
   * @returns {Promise<void>} resolves when the browser took it; rejects with
   *   HirobaError CLOSED or CHANNEL_CLOSED
   */
  send(bytes, line = 'message') {
    const sent = this.#tails[line].then(() => this.#sendNow(bytes, line === 'part' ? LOW_WATER : HIGH_WATER));
    this.#tails[line] = sent.catch(() => {});
    return sent;
  }

  /** Fails all that waits and hears nothing more; the PeerConnection closes the channel itself. */
  close() {
    this.#closed.abort();
  }

  /**
   * @param {Uint8Array<ArrayBuffer>} bytes
   * @param {number} limit
   */
  async #sendNow(bytes, limit) {
    while (!this.#ready(limit)) await this.#changed();
    this.#channel.send(bytes);
  }

  /**
   * @param {number} limit
   * @throws {HirobaError} when it will never be
   */
  #ready(limit) {
    const { readyState, bufferedAmount } = this.#channel;
    if (this.#closed.signal.aborted) throw new HirobaError('CLOSED', 'The room was left before this was sent.');
    if (readyState === 'closing' || readyState === 'closed') throw this.#lost();
    return readyState === 'open' && bufferedAmount <= limit;
  }

  #lost() {
    return new HirobaError('CHANNEL_CLOSED', `The ${this.#channel.label} channel was closed. Join the room again to open it.`, { retry: true });
  }

  /** @returns {Promise<void>} resolves when #ready may say something else */
  #changed() {
    return new Promise((resolve) => {
      const heard = new AbortController();
      const done = () => {
        heard.abort();
        resolve();
      };
      for (const type of /** @type {const} */ (['open', 'bufferedamountlow', 'closing', 'close'])) {
        this.#channel.addEventListener(type, done, { signal: heard.signal });
      }
      this.#closed.signal.addEventListener('abort', done, { signal: heard.signal });
    });
  }
}
