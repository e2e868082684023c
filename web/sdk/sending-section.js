import { activeLayers, ALL, encodingsOf, fitLayers, planLayers, sizeOf } from './layers.js';
import { preferCodecs } from './codecs.js';

/** @import { VideoCodec } from './codecs.js' */
/** @import { Demand, Layer, Picture, Size } from './layers.js' */
/** @import { MediaKind } from './media.js' */
/** @import * as wire from './messages.js' */

/**
 * What a sending section is for.
 *
 * @typedef {object} Sending
 * @property {MediaStreamTrack} track
 * @property {string} source
 * @property {VideoCodec} [codec]  the codec to prefer; VP8 unless told
 * @property {boolean} [simulcast]  whether a camera is sent in several sizes; true unless told
 */

/**
 * SendingSection is a media section that carries, or carried, a track of ours,
 * in one or several encodings.
 */
export class SendingSection {
  transceiver;
  #picture;
  #size;
  #layers;
  #demand = ALL;

  /**
   * @param {RTCRtpTransceiver} transceiver
   * @param {Picture} picture
   * @param {Size} size
   * @param {Layer[]} layers
   */
  constructor(transceiver, picture, size, layers) {
    this.transceiver = transceiver;
    this.#picture = picture;
    this.#size = size;
    this.#layers = layers;
  }

  /**
   * Opens a section for the next offer, with as much as the browser can do.
   *
   * @param {RTCPeerConnection} pc
   * @param {Sending} sending
   * @param {boolean} fed  whether anything is sent for now
   */
  static open(pc, sending, fed) {
    const { track } = sending;
    const picture = pictureOf(sending);
    const size = sizeOf(track);
    let layers = planLayers(picture, size);
    let transceiver = tryToAdd(pc, track, layers, fed);
    if (!transceiver) {
      // A browser that does not know such modes.
      layers = layers.map(({ mode, ...layer }) => layer);
      transceiver = tryToAdd(pc, track, layers, fed);
    }
    if (!transceiver || !hasAll(transceiver, layers)) {
      // One that knows nothing of simulcast. What it did open carries the track.
      layers = fitLayers([''], picture, size);
      transceiver ??= add(pc, track, layers, fed);
    }
    preferCodecs(transceiver, picture.kind, RTCRtpSender.getCapabilities(picture.kind), picture.codec);
    return new SendingSection(transceiver, picture, size, layers);
  }

  /**
   * Whether the section is free, and made for this. An answer may keep the order
   * of codecs that a section had at first, and its encodings are those of its
   * first offer.
   *
   * @param {Sending} sending
   */
  suits(sending) {
    const picture = pictureOf(sending);
    const rids = planLayers(picture, sizeOf(sending.track)).map(({ rid }) => rid);
    return this.transceiver.direction === 'inactive' && this.#picture.kind === picture.kind && this.#picture.codec === picture.codec &&
      rids.join() === this.#rids.join();
  }

  /**
   * Carries another track from the next offer on. Call encode() then.
   *
   * @param {Sending} sending
   */
  async reuse(sending) {
    await this.transceiver.sender.replaceTrack(sending.track);
    this.transceiver.direction = 'sendonly';
    this.#picture = pictureOf(sending);
    this.#size = sizeOf(sending.track);
    this.#layers = fitLayers(this.#rids, this.#picture, this.#size);
    this.#demand = ALL;
  }

  /**
   * The source is another one, perhaps of another size. Call encode() when it is.
   *
   * @param {MediaStreamTrack} track
   * @returns {boolean} whether the encodings are different now
   */
  fit(track) {
    const size = sizeOf(track);
    if (size.width * size.height === 0 || (size.width === this.#size.width && size.height === this.#size.height)) return false;
    this.#size = size;
    if (this.#picture.kind === 'video') this.#layers = fitLayers(this.#rids, this.#picture, size);
    return true;
  }

  /**
   * The server's word on what is needed. Call encode() then.
   *
   * @param {Demand} demand
   */
  want(demand) {
    this.#demand = demand;
  }

  /** @returns {wire.Encoding[] | undefined} what is sent at once, the smallest first; undefined of audio */
  get encodings() {
    return this.#picture.kind === 'video' ? encodingsOf(this.#layers, this.#size) : undefined;
  }

  /**
   * Has the browser encode as it should now. One call at a time: parameters
   * that are read while others are being set are yesterday's.
   *
   * @param {boolean} fed  whether anything is sent for now
   */
  async encode(fed) {
    const { sender } = this.transceiver;
    try {
      await sender.setParameters(this.#parameters(fed));
    } catch (error) {
      // A mode that was fine with the offer need not be with the codec of the answer.
      const parameters = this.#parameters(fed);
      if (!parameters.encodings.some((encoding) => 'scalabilityMode' in encoding)) throw error;
      for (const encoding of parameters.encodings) delete (/** @type {{scalabilityMode?: string}} */ (encoding)).scalabilityMode;
      await sender.setParameters(parameters);
    }
  }

  get #rids() {
    return this.#layers.map(({ rid }) => rid);
  }

  /** @param {boolean} fed */
  #parameters(fed) {
    const parameters = this.transceiver.sender.getParameters();
    const active = activeLayers(this.#layers, fed, this.#demand);
    for (const [i, encoding] of parameters.encodings.entries()) {
      const at = encoding.rid ? this.#layers.findIndex(({ rid }) => rid === encoding.rid) : i;
      const layer = this.#layers[at];
      encoding.active = active[at] ?? false;
      if (layer?.bps) Object.assign(encoding, { maxBitrate: layer.bps, scaleResolutionDownBy: layer.scale });
    }
    return parameters;
  }
}

/**
 * @param {Sending} sending
 * @returns {Picture}
 */
function pictureOf({ track, source, codec, simulcast }) {
  const text = track.contentHint === 'detail' || track.contentHint === 'text';
  return { kind: /** @type {MediaKind} */ (track.kind), source, codec, simulcast, text };
}

/**
 * @param {RTCPeerConnection} pc
 * @param {MediaStreamTrack} track
 * @param {Layer[]} layers
 * @param {boolean} fed
 */
function add(pc, track, layers, fed) {
  const active = activeLayers(layers, fed, ALL);
  return pc.addTransceiver(track, {
    direction: 'sendonly',
    sendEncodings: layers.map(({ rid, bps, scale, mode }, i) => ({
      active: active[i],
      ...(rid && { rid }),
      ...(bps && { maxBitrate: bps, scaleResolutionDownBy: scale }),
      ...(mode && { scalabilityMode: mode }),
    })),
  });
}

/**
 * @param {RTCPeerConnection} pc
 * @param {MediaStreamTrack} track
 * @param {Layer[]} layers
 * @param {boolean} fed
 * @returns {RTCRtpTransceiver | null} null when the browser refuses such encodings
 */
function tryToAdd(pc, track, layers, fed) {
  try {
    return add(pc, track, layers, fed);
  } catch {
    return null;
  }
}

/**
 * Whether a section has the encodings that were asked for: an older browser
 * passes over them.
 *
 * @param {RTCRtpTransceiver} transceiver
 * @param {Layer[]} layers
 */
function hasAll({ sender }, layers) {
  return layers.length === 1 || sender.getParameters().encodings.length === layers.length;
}
