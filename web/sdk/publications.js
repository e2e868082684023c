import { HirobaError } from './errors.js';
import { ALL } from './layers.js';
import { Publication } from './publication.js';

/** @import { Demand } from './layers.js' */
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
  /** The server's word on what is needed, by track id; it may come before the id itself. @type {Map<string, Demand>} */
  #demands = new Map();
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
      encodings: transceiver ? this.#media.encodings(transceiver) : undefined,
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
      const demand = this.#demands.get(id);
      if (demand && demand !== state.demand) this.#want(state, demand);
    }
    for (const id of this.#demands.keys()) {
      if (!this.#byId.has(id)) this.#demands.delete(id);
    }
    this.#watcher();
  }

  /**
   * Sends of a track what the server needs of it.
   *
   * @param {wire.TrackDemand} demand
   * @returns {Publication | undefined} undefined while it has no such name
   */
  want({ track = '', paused = false, rids = [] }) {
    const demand = { paused, rids };
    this.#demands.set(track, demand);
    const entry = this.#active.find(({ state }) => state.id === track);
    if (entry) this.#want(entry.state, demand);
    return entry?.handle;
  }

  /** Sends everything, until the server says what it needs: its word was lost. */
  wantAll() {
    this.#demands.clear();
    for (const { state } of this.#active) this.#want(state, ALL);
  }

  /**
   * @param {MediaStreamTrack} track
   * @param {PublishOptions} options
   * @param {Peer} peer
   * @returns {Entry}
   */
  #create(track, { source, muted = !track.enabled, codec, simulcast }, peer) {
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
      simulcast,
      demand: ALL,
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
        replaced: () => {
          this.#watcher();
          void this.#fit(state);
        },
      }),
    };
    return entry;
  }

  /** @param {Entry} entry */
  async #attach(entry) {
    const { state } = entry;
    const { track, source, codec, simulcast } = state;
    if (!track) return;
    state.transceiver = await this.#media.send({ track, source, codec, simulcast });
    this.#active.push(entry);
  }

  /**
   * @param {PublicationState} state
   * @param {Demand} demand
   */
  #want(state, demand) {
    state.demand = demand;
    // It fails for a section that is just being closed, which then sends nothing.
    if (state.transceiver) this.#media.demand(state.transceiver, demand).catch(() => {});
  }

  /**
   * Another source may have another size.
   *
   * @param {PublicationState} state
   */
  async #fit({ transceiver, track }) {
    try {
      if (transceiver && track && await this.#media.fit(transceiver, track)) await this.#negotiation.between(() => this.#declare());
    } catch {
      // The server goes by the sizes that it sees, then.
    }
  }

  /** @param {Entry} entry */
  async #detach(entry) {
    const { state } = entry;
    const { transceiver } = state;
    this.#active = this.#active.filter((other) => other !== entry);
    this.#byId.delete(state.id);
    this.#demands.delete(state.id);
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
