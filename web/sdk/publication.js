/** @import { MediaKind } from './media.js' */
/** @import { Peer } from './roster.js' */
/** @import { VideoCodec } from './codecs.js' */
/** @import { Demand } from './layers.js' */

/**
 * How to publish a track.
 *
 * @typedef {object} PublishOptions
 * @property {string} [source]  `camera`, `microphone`, `screen`, `screen-audio` or a word of the
 *   application's; left out, `camera` for video and `microphone` for audio
 * @property {boolean} [muted]  start muted; left out, as the track is enabled or not
 * @property {VideoCodec} [codec]  the video codec to prefer; VP8 unless told
 * @property {boolean} [simulcast]  send a camera in several sizes at once, so that everybody gets one that
 *   suits them; true unless told. A screen has one size always
 */

/**
 * All there is to know of a publication; Publications makes and keeps it.
 *
 * @typedef {object} PublicationState
 * @property {string} id  empty until the server has named it
 * @property {MediaKind} kind
 * @property {string} source
 * @property {boolean} muted
 * @property {Peer} peer
 * @property {MediaStreamTrack | null} track
 * @property {VideoCodec} [codec]
 * @property {boolean} [simulcast]
 * @property {Demand} demand  what the server needs of it
 * @property {RTCRtpTransceiver | null} transceiver  the section that carries it
 */

/**
 * What a publication has done for it.
 *
 * @typedef {object} PublicationCalls
 * @property {() => Promise<void>} mute  tells the server of `muted`
 * @property {() => Promise<void>} stop
 * @property {() => void} replaced  `track` is another one
 */

/**
 * Publication is one track that this client sends. The MediaStreamTrack stays
 * the application's: nothing here stops it.
 */
export class Publication {
  #state;
  #calls;
  /** @type {Promise<void> | null} */
  #stopped = null;

  /**
   * Made by Room.publish.
   *
   * @param {PublicationState} state
   * @param {PublicationCalls} calls
   */
  constructor(state, calls) {
    this.#state = state;
    this.#calls = calls;
    if (state.track) this.#prepare(state.track);
  }

  /** The track id that the server gave it. */
  get id() {
    return this.#state.id;
  }

  get kind() {
    return this.#state.kind;
  }

  get source() {
    return this.#state.source;
  }

  get muted() {
    return this.#state.muted;
  }

  /** This client. */
  get peer() {
    return this.#state.peer;
  }

  /** What is sent now; null after replace(null) or stop(). */
  get track() {
    return this.#state.track;
  }

  /**
   * What anybody receives of it, by the server's word; the rest is not sent for
   * now. A `demand` event tells of changes.
   */
  get demand() {
    return this.#state.demand;
  }

  /**
   * Sends silence or black at once, and has the server stop forwarding.
   *
   * @returns {Promise<void>} resolves when the server knows
   */
  mute() {
    return this.#setMuted(true);
  }

  /** @returns {Promise<void>} resolves when the server forwards again */
  unmute() {
    return this.#setMuted(false);
  }

  /**
   * Sends another track of the same kind instead, or none (so that the device
   * can be let go while muted), without negotiation.
   *
   * @param {MediaStreamTrack | null} track
   */
  async replace(track) {
    if (track) this.#prepare(track);
    await this.#state.transceiver?.sender.replaceTrack(track);
    this.#state.track = track;
    this.#calls.replaced();
  }

  /** Ends the publication for everybody. A second call waits for the same end. */
  stop() {
    this.#stopped ??= this.#calls.stop();
    return this.#stopped;
  }

  /** A moderator has muted it; unmute() takes that back. */
  mutedByServer() {
    this.#state.muted = true;
    this.#enable(false);
  }

  /** @param {boolean} muted */
  async #setMuted(muted) {
    const before = this.muted;
    this.#state.muted = muted;
    if (muted) this.#enable(false);
    try {
      await this.#calls.mute();
    } catch (error) {
      // Nobody is heard who wanted not to be: only unmuting is taken back.
      if (!muted) this.#state.muted = before;
      throw error;
    }
    this.#enable(!this.muted);
  }

  /** @param {MediaStreamTrack} track  about to be sent */
  #prepare(track) {
    track.enabled = !this.muted;
    // Text on a screen wants sharpness before smoothness.
    if (this.source === 'screen' && track.contentHint === '') track.contentHint = 'detail';
  }

  /** @param {boolean} enabled */
  #enable(enabled) {
    if (this.track) this.track.enabled = enabled;
  }
}
