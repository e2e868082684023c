import { Slots, SLOT_STEP, slotsToOpen } from './slots.js';
import { View } from './view.js';

/** @import { Link } from './link.js' */
/** @import { Media, MediaKind } from './media.js' */
/** @import { Negotiation } from './negotiation.js' */
/** @import { Peer, Roster, Track } from './roster.js' */
/** @import { Progress } from './progress.js' */
/** @import { Why } from './slots.js' */
/** @import { Shown } from './view.js' */
/** @import * as wire from './messages.js' */

/**
 * What is received of a track now. Without media `why` says the reason; it is
 * empty when the track just has no slot.
 *
 * @typedef {object} MediaChange
 * @property {Track} track
 * @property {Peer} peer
 * @property {MediaStreamTrack | null} mediaStreamTrack
 * @property {Why} why
 */

/**
 * @typedef {object} ReceptionCalls
 * @property {(change: MediaChange) => void} media
 * @property {(error: import('./errors.js').HirobaError) => void} error  of an offer that nobody waits for
 */

/** @type {MediaKind[]} */
const KINDS = ['audio', 'video'];

/**
 * Reception is what this client receives: which track sits in which slot, what
 * is wanted, and whether there are slots enough for it.
 */
export class Reception {
  #link;
  #media;
  #negotiation;
  #roster;
  #calls;
  #slots = new Slots();
  #view;
  /** An offer for more slots is in line. */
  #growing = false;
  /** What comes past the SFU, by track id. @type {(trackId: string) => MediaStreamTrack | null} */
  #direct = () => null;
  /** What was told last, by track id. @type {Map<string, {mediaStreamTrack: MediaStreamTrack | null, why: Why}>} */
  #told = new Map();

  /**
   * @param {Link} link
   * @param {Media} media
   * @param {Negotiation} negotiation
   * @param {Roster} roster
   * @param {ReceptionCalls} calls
   */
  constructor(link, media, negotiation, roster, calls) {
    this.#link = link;
    this.#media = media;
    this.#negotiation = negotiation;
    this.#roster = roster;
    this.#calls = calls;
    this.#view = new View((view) => link.tell({ view }));
  }

  /** Opens the slots of the first offer, before it is known who is there. */
  open() {
    for (const kind of KINDS) this.#media.openSlots(kind, Math.min(SLOT_STEP, this.#limit(kind)));
  }

  /**
   * @param {string} trackId
   * @returns {MediaStreamTrack | null} what is received of a track now
   */
  track(trackId) {
    return this.#now(trackId).mediaStreamTrack;
  }

  /**
   * Has what comes directly from another peer take the place of what is in the
   * slots. Call refresh() when that changes.
   *
   * @param {(trackId: string) => MediaStreamTrack | null} direct
   */
  prefer(direct) {
    this.#direct = direct;
  }

  /**
   * Tells what is received of a track, should that be something else now.
   *
   * @param {string} trackId
   */
  refresh(trackId) {
    const told = this.#told.get(trackId);
    const { mediaStreamTrack, why } = this.#now(trackId);
    if (mediaStreamTrack !== (told?.mediaStreamTrack ?? null) || why !== (told?.why ?? '')) this.#tell(trackId);
  }

  /**
   * @param {string} trackId
   * @returns {Promise<Progress & {mid: string} | null>} of the slot that a track is in
   */
  async slotProgress(trackId) {
    const carried = this.#slots.of(trackId);
    const progress = carried && await this.#media.slotProgress(carried.mid);
    return progress ? { ...progress, mid: carried.mid } : null;
  }

  /**
   * Takes the server's word on what is in the slots.
   *
   * @param {wire.Slots} slots
   */
  fill({ slots = [] }) {
    for (const { track } of this.#slots.replace(slots)) this.#tell(track);
  }

  /**
   * A track has come into the roster; its slot may have been filled before.
   *
   * @param {Track} track
   */
  published({ id }) {
    if (this.#slots.of(id)) this.#tell(id);
    this.grow();
  }

  /** @param {Shown[]} shown */
  view(shown) {
    if (this.#negotiation.ended) return;
    this.#view.set(shown);
    this.grow();
  }

  /** Opens more slots when more is wanted than fits. */
  grow() {
    if (this.#growing || this.#negotiation.ended || KINDS.every((kind) => this.#missing(kind) === 0)) return;
    this.#growing = true;
    /** @type {RTCRtpTransceiver[]} */
    let opened = [];
    this.#negotiation.run({
      make: () => {
        opened = KINDS.flatMap((kind) => this.#media.openSlots(kind, this.#missing(kind)));
      },
      undo: () => this.#media.closeSlots(opened),
    }).then(() => {
      this.#growing = false;
      // More may be wanted meanwhile.
      this.grow();
    }, (error) => {
      // Not again at once: the next change of the room is the next try.
      this.#growing = false;
      this.#calls.error(error);
    });
  }

  stop() {
    this.#view.stop();
  }

  /** @param {MediaKind} kind */
  #limit(kind) {
    const { slots = 0, voices = slots } = this.#link.welcome.limits ?? {};
    // More audio slots than voices that are heard at once stay empty.
    return kind === 'audio' ? Math.min(slots, voices) : slots;
  }

  /** @param {MediaKind} kind */
  #missing(kind) {
    const tracks = this.#roster.tracks().filter((track) => track.kind === kind);
    // Audio is heard whether or not its peer is shown.
    const named = kind === 'audio' ? tracks : tracks.filter(({ id }) => this.#view.has(id));
    const wanted = Math.min(named.length + this.#view.speakers, tracks.length);
    return slotsToOpen({ open: this.#media.slotCount(kind), wanted, limit: this.#limit(kind) });
  }

  /** @param {string} id  of a track */
  #tell(id) {
    const track = this.#roster.track(id);
    // Not known yet, or removed before its slot was cleared: told by other events.
    if (!track) {
      this.#told.delete(id);
      return;
    }
    const now = this.#now(id);
    if (now.mediaStreamTrack || now.why) this.#told.set(id, now);
    else this.#told.delete(id);
    this.#calls.media({ track, peer: track.peer, ...now });
  }

  /**
   * @param {string} id  of a track
   * @returns {{mediaStreamTrack: MediaStreamTrack | null, why: Why}}
   */
  #now(id) {
    const carried = this.#slots.of(id);
    const direct = this.#direct(id);
    let why = carried?.why ?? '';
    if (direct) {
      // What keeps the SFU from sending it is no matter between two browsers.
      if (why === 'CODEC_NOT_NEGOTIATED' || why === 'BANDWIDTH') why = '';
      // Without a slot it has nobody else to say it.
      if (this.#roster.track(id)?.muted) why = 'MUTED';
    }
    if (why) return { mediaStreamTrack: null, why };
    return { mediaStreamTrack: direct ?? (carried && this.#media.slotTrack(carried.mid)), why };
  }
}
