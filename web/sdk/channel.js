import { HirobaError } from './errors.js';

/** Above this many bytes in the browser's buffer, senders wait. */
const HIGH_WATER = 1 << 20;
const LOW_WATER = 1 << 19;

/**
 * The part of RTCDataChannel that a Channel needs.
 *
 * @typedef {Pick<RTCDataChannel, 'label' | 'readyState' | 'binaryType' | 'bufferedAmount'
 *   | 'bufferedAmountLowThreshold' | 'addEventListener' | 'send'>} DataChannel
 */

/**
 * Channel sends whole messages over one DataChannel, in the order of the calls,
 * and makes the caller wait while the browser holds more than 1 MiB unsent.
 */
export class Channel {
  #channel;
  /** The last message in line. @type {Promise<void>} */
  #tail = Promise.resolve();
  #closed = new AbortController();

  /**
   * @param {DataChannel} channel
   * @param {(bytes: Uint8Array) => void} received
   */
  constructor(channel, received) {
    this.#channel = channel;
    channel.binaryType = 'arraybuffer';
    channel.bufferedAmountLowThreshold = LOW_WATER;
    channel.addEventListener('message', ({ data }) => {
      // The SFU sends binary only; text would come from something else.
      if (data instanceof ArrayBuffer) received(new Uint8Array(data));
    }, { signal: this.#closed.signal });
  }

  /**
   * @param {Uint8Array<ArrayBuffer>} bytes
   * @returns {Promise<void>} resolves when the browser took it; rejects with
   *   HirobaError CLOSED or CHANNEL_CLOSED
   */
  send(bytes) {
    const sent = this.#tail.then(() => this.#sendNow(bytes));
    this.#tail = sent.catch(() => {});
    return sent;
  }

  /** Fails all that waits and hears nothing more; the PeerConnection closes the channel itself. */
  close() {
    this.#closed.abort();
  }

  /** @param {Uint8Array<ArrayBuffer>} bytes */
  async #sendNow(bytes) {
    while (!this.#ready()) await this.#changed();
    this.#channel.send(bytes);
  }

  /** @throws {HirobaError} when it will never be */
  #ready() {
    const { readyState, bufferedAmount, label } = this.#channel;
    if (this.#closed.signal.aborted) throw new HirobaError('CLOSED', 'The room was left before this was sent.');
    if (readyState === 'closing' || readyState === 'closed') {
      throw new HirobaError('CHANNEL_CLOSED', `The ${label} channel was closed. Join the room again to open it.`, { retry: true });
    }
    return readyState === 'open' && bufferedAmount <= HIGH_WATER;
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
