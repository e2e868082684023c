import { Assembly, MAX_MESSAGE } from './assembly.js';
import { Channel } from './channel.js';
import { asHirobaError, HirobaError } from './errors.js';
import { decodeFrame, encodeFrame, MAX_FRAME } from './frame.js';
import { Large } from './large.js';

/** @import { DataFrame } from './frame.js' */
/** @import { Media } from './media.js' */
/** @import { ChannelName, DataMissed, DataProgress, RoomData } from './room-events.js' */

/** @type {Record<ChannelName, RTCDataChannelInit>} */
const CHANNELS = {
  reliable: { ordered: true },
  lossy: { ordered: false, maxRetransmits: 0 },
};

/** What the SFU adds to a frame: who it is from. */
const FROM_BYTES = 32;
/** How often unfinished messages are looked at. */
const SWEEP_MS = 10_000;

/**
 * @typedef {object} SendOptions
 * @property {string[]} [to]  peer ids; everybody else unless told
 * @property {string} [topic]  up to 64 bytes
 * @property {ChannelName} [channel]  `reliable` unless told
 * @property {(sent: number, total: number) => void} [onProgress]  told of a large message how many
 *   bytes the server has passed on
 */

/**
 * Data is the two DataChannels to the SFU, and the messages in them.
 */
export class Data {
  #media;
  #calls;
  /** @type {Record<ChannelName, Channel>} */
  #channels;
  #large;
  #assembly = new Assembly();
  /** @type {ReturnType<typeof setInterval> | undefined} */
  #sweeping;

  /**
   * Opens the channels, which the first offer has to have.
   *
   * @param {Media} media
   * @param {{data: (data: RoomData) => void, progress: (progress: DataProgress) => void,
   *   missed: (missed: DataMissed) => void, failed: (error: HirobaError) => void}} calls
   */
  constructor(media, calls) {
    this.#media = media;
    this.#calls = calls;
    const open = (/** @type {ChannelName} */ name) => new Channel(media.openChannel(name, CHANNELS[name]), (bytes) => {
      let frame;
      try {
        frame = decodeFrame(bytes);
      } catch (error) {
        calls.failed(asHirobaError(error, 'BAD_FRAME', `A DataChannel message was dropped: ${error}`));
        return;
      }
      this.#received(frame, name);
    }, name === 'reliable' ? (error) => this.#large.close(error) : undefined);
    this.#channels = { reliable: open('reliable'), lossy: open('lossy') };
    this.#large = new Large((part) => this.#channels.reliable.send(part, 'part'), (peer, topic) => calls.missed({ peer, topic }));
  }

  /**
   * @param {Uint8Array | ArrayBuffer | Blob | string} payload
   * @param {SendOptions} options
   * @returns {Promise<void>} resolves when the browser took it, or when the server has passed on
   *   all of a large one to everybody who keeps up
   */
  async send(payload, { to = [], topic = '', channel = 'reliable', onProgress }) {
    const bytes = typeof payload === 'string' ? new TextEncoder().encode(payload)
      : payload instanceof ArrayBuffer ? new Uint8Array(payload) : payload;
    const size = bytes instanceof Blob ? bytes.size : bytes.length;
    const limit = Math.min(MAX_FRAME - FROM_BYTES, this.#media.maxMessageSize);
    if (size <= limit) {
      const frame = encodeFrame({ to, topic, payload: bytes instanceof Blob ? new Uint8Array(await bytes.arrayBuffer()) : bytes });
      if (frame.length <= limit) {
        await this.#channels[channel].send(frame);
        return;
      }
    }
    if (channel === 'lossy') {
      throw new HirobaError('MESSAGE_TOO_LARGE',
        `The message has ${size} bytes; the lossy channel takes frames of up to ${limit}, all included. Send it over the reliable one.`);
    }
    if (size > MAX_MESSAGE) {
      throw new HirobaError('MESSAGE_TOO_LARGE', `The message has ${size} bytes; ${MAX_MESSAGE} are allowed. Send several.`);
    }
    await this.#large.send({ to, topic, payload: bytes, onProgress });
  }

  close() {
    for (const channel of Object.values(this.#channels)) channel.close();
    this.#large.close(new HirobaError('CLOSED', 'The room was left before this was sent.'));
    clearInterval(this.#sweeping);
  }

  /**
   * @param {DataFrame} frame
   * @param {ChannelName} channel
   */
  #received(frame, channel) {
    const { progress, part } = frame;
    if (progress) {
      this.#large.heard(progress);
      return;
    }
    if (!part) {
      this.#calls.data({ ...frame, channel });
      return;
    }
    const { whole, received, dropped } = this.#assembly.take(performance.now(), frame);
    this.#sweep();
    if (dropped) this.#calls.failed(dropped);
    if (received) {
      const { from, to, topic } = frame;
      this.#calls.progress({ from, to, topic, message: part.message, received, total: part.total });
    }
    if (whole) this.#calls.data({ ...whole, channel });
  }

  /** Looks at unfinished messages as long as there are some. */
  #sweep() {
    if (this.#assembly.senders === 0) {
      clearInterval(this.#sweeping);
      this.#sweeping = undefined;
      return;
    }
    this.#sweeping ??= setInterval(() => {
      for (const error of this.#assembly.sweep(performance.now())) this.#calls.failed(error);
      this.#sweep();
    }, SWEEP_MS);
  }
}
