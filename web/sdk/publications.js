import { HirobaError } from './errors.js';
import { Publication } from './publication.js';

/** @import { Link } from './link.js' */
/** @import { Media, MediaKind } from './media.js' */
/** @import { Negotiation } from './negotiation.js' */
/** @import { Peer } from './roster.js' */
/** @import { PublicationState, PublishOptions } from './publication.js' */
/** @import * as wire from './messages.js' */

/**
 * What is published, and the handle that the application has of it.
 *
 * @typedef {{state: PublicationState, handle: Publication}} Entry
 */

/**
 * A track that is sent, for another connection than the one to the SFU.
 *
 * @typedef {Pick<PublicationState, 'id' | 'kind' | 'source' | 'codec' | 'track'>} Sent
 */

/**
 * Publications is all that this client sends. What is sent changes only while
 * an offer has its turn, so that the list told to the server fits the SDP.
 */
export class Publications {
  #link;
  #media;
  #negotiation;
  /** In the order in which they are told to the server. @type {Entry[]} */
  #active = [];
  /** @type {Map<string, Publication>} */
  #byId = new Map();
  /** Is told whenever sent() is different. */
  #watcher = () => {};

  /**
   * @param {Link} link
   * @param {Media} media
   * @param {Negotiation} negotiation
   */
  constructor(link, media, negotiation) {
    this.#link = link;
    this.#media = media;
    this.#negotiation = negotiation;
  }

  /** @type {ReadonlyMap<string, Publication>} */
  get byId() {
    return this.#byId;
  }

  /**
   * Adds a track to the offer that is being made.
   *
   * @param {MediaStreamTrack} track
   * @param {PublishOptions} options
   * @param {Peer} self
   */
  async add(track, options, self) {
    await this.#attach(this.#create(track, options, self));
  }

  /**
   * Publishes a track with an offer of its own.
   *
   * @param {MediaStreamTrack} track
   * @param {PublishOptions} options
   * @param {Peer} self
   * @returns {Promise<Publication>}
   */
  async publish(track, options, self) {
    const entry = this.#create(track, options, self);
    await this.#negotiation.run({
      make: () => this.#attach(entry),
      say: (sdp) => this.#declareAndDescribe(sdp),
      undo: async () => {
        await this.#detach(entry);
        // Taken already, perhaps, before the offer was refused.
        await this.#declare().catch(() => {});
      },
    });
    return entry.handle;
  }

  /** What the sending sections carry, for `join` and `publish`. @returns {wire.TrackOffer[]} */
  offers() {
    return this.#active.map(({ state: { transceiver, kind, source, muted } }) => ({
      mid: transceiver?.mid ?? '',
      kind: kind === 'audio' ? 'AUDIO' : 'VIDEO',
      source,
      muted,
    }));
  }

  /** @returns {Sent[]} what is sent, as far as the server has named it */
  sent() {
    return this.#active.flatMap(({ state: { id, kind, source, codec, track } }) => (id ? [{ id, kind, source, codec, track }] : []));
  }

  /** @param {() => void} watcher  is called whenever sent() is different */
  watch(watcher) {
    this.#watcher = watcher;
  }

  /**
   * Takes the server's names for them.
   *
   * @param {wire.Track[]} [tracks]  in the order of offers()
   */
  named(tracks = []) {
    this.#byId.clear();
    for (const [i, { state, handle }] of this.#active.entries()) {
      const id = tracks[i]?.id;
      if (!id) {
        throw new HirobaError('INTERNAL',
          `The server named ${tracks.length} of ${this.#active.length} tracks. Join the room again.`);
      }
      state.id = id;
      this.#byId.set(id, handle);
    }
    this.#watcher();
  }

  /**
   * @param {MediaStreamTrack} track
   * @param {PublishOptions} options
   * @param {Peer} peer
   * @returns {Entry}
   */
  #create(track, { source, muted = !track.enabled, codec }, peer) {
    const kind = /** @type {MediaKind} */ (track.kind);
    /** @type {PublicationState} */
    const state = {
      id: '',
      kind,
      source: source ?? (kind === 'video' ? 'camera' : 'microphone'),
      muted,
      peer,
      track,
      codec,
      transceiver: null,
    };
    /** @type {Entry} */
    const entry = {
      state,
      handle: new Publication(state, {
        mute: async () => {
          await this.#link.request({ mute: { track: state.id, muted: state.muted } });
        },
        stop: () => this.#stop(entry),
        replaced: () => this.#watcher(),
      }),
    };
    return entry;
  }

  /** @param {Entry} entry */
  async #attach(entry) {
    const { state } = entry;
    if (!state.track) return;
    state.transceiver = await this.#media.send({ track: state.track, source: state.source, codec: state.codec });
    this.#active.push(entry);
  }

  /** @param {Entry} entry */
  async #detach(entry) {
    const { state } = entry;
    const { transceiver } = state;
    this.#active = this.#active.filter((other) => other !== entry);
    this.#byId.delete(state.id);
    state.transceiver = null;
    state.track = null;
    this.#watcher();
    if (transceiver) await this.#media.release(transceiver);
  }

  /** @param {Entry} entry */
  async #stop(entry) {
    // With the room everything has stopped.
    if (this.#negotiation.ended) return;
    await this.#negotiation.run({
      make: () => this.#detach(entry),
      say: (sdp) => this.#declareAndDescribe(sdp),
    });
  }

  /** @param {string} sdp */
  async #declareAndDescribe(sdp) {
    await this.#declare();
    return this.#negotiation.describe(sdp);
  }

  async #declare() {
    const { published } = await this.#link.request({ publish: { tracks: this.offers() } });
    this.named(published?.tracks);
  }
}
