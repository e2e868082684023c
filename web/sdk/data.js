import { Channel } from './channel.js';
import { asHirobaError, HirobaError } from './errors.js';
import { decodeFrame, encodeFrame } from './frame.js';

/** @import { Media } from './media.js' */
/** @import { ChannelName, RoomData } from './room-events.js' */

/** @type {Record<ChannelName, RTCDataChannelInit>} */
const CHANNELS = {
  reliable: { ordered: true },
  lossy: { ordered: false, maxRetransmits: 0 },
};

/**
 * Data is the two DataChannels to the SFU, and the frames in them.
 */
export class Data {
  #media;
  /** @type {Record<ChannelName, Channel>} */
  #channels;

  /**
   * Opens the channels, which the first offer has to have.
   *
   * @param {Media} media
   * @param {{data: (data: RoomData) => void, failed: (error: HirobaError) => void}} calls
   */
  constructor(media, { data, failed }) {
    this.#media = media;
    const open = (/** @type {ChannelName} */ name) => new Channel(media.openChannel(name, CHANNELS[name]), (bytes) => {
      let frame;
      try {
        frame = decodeFrame(bytes);
      } catch (error) {
        failed(asHirobaError(error, 'BAD_FRAME', `A DataChannel message was dropped: ${error}`));
        return;
      }
      data({ ...frame, channel: name });
    });
    this.#channels = { reliable: open('reliable'), lossy: open('lossy') };
  }

  /**
   * @param {Uint8Array | string} payload
   * @param {{to?: string[], topic?: string, channel?: ChannelName}} options
   * @returns {Promise<void>} resolves when the browser took it
   */
  async send(payload, { to = [], topic = '', channel = 'reliable' }) {
    const bytes = typeof payload === 'string' ? new TextEncoder().encode(payload) : payload;
    const frame = encodeFrame({ to, topic, payload: bytes });
    const limit = this.#media.maxMessageSize;
    if (frame.length > limit) {
      throw new HirobaError('MESSAGE_TOO_LARGE',
        `The frame has ${frame.length} bytes; the channel takes up to ${limit}. Send it in parts.`);
    }
    await this.#channels[channel].send(frame);
  }

  close() {
    for (const channel of Object.values(this.#channels)) channel.close();
  }
}
