/**
 * How receiving gets on: what a receiver has got so far, and whether more comes.
 */

/**
 * What a receiver has received since it began.
 *
 * @typedef {object} Progress
 * @property {number} packets
 * @property {number} frames  pictures decoded; 0 for audio
 */

/**
 * @param {RTCRtpReceiver} receiver
 * @returns {Promise<Progress>}
 */
export async function progressOf(receiver) {
  const progress = { packets: 0, frames: 0 };
  for (const report of (await receiver.getStats()).values()) {
    if (report.type !== 'inbound-rtp') continue;
    progress.packets += report.packetsReceived ?? 0;
    progress.frames += report.framesDecoded ?? 0;
  }
  return progress;
}

/**
 * Steady tells for how long a value has been the same.
 *
 * @template Value
 */
export class Steady {
  #value;
  #since;

  /**
   * @param {number} now  ms
   * @param {Value} value
   */
  constructor(now, value) {
    this.#value = value;
    this.#since = now;
  }

  /**
   * @param {number} now  ms
   * @param {Value} value  what it is now
   * @returns {number} for how long it has been that, in ms
   */
  look(now, value) {
    if (value !== this.#value) {
      this.#value = value;
      this.#since = now;
    }
    return now - this.#since;
  }
}
