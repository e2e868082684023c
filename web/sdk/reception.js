import { Slots, SLOT_STEP, slotsToOpen } from './slots.js';
import { View } from './view.js';

/** @import { Link } from './link.js' */
/** @import { Media, MediaKind } from './media.js' */
/** @import { Negotiation } from './negotiation.js' */
/** @import { Peer, Roster, Track } from './roster.js' */
/** @import { SlotChange, Why } from './slots.js' */
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
    for (const kind of KINDS) this.#media.openSlots(kind, Math.min(SLOT_STEP, this.#limit));
  }

  /**
   * @param {string} trackId
   * @returns {MediaStreamTrack | null} what is received of a track now
   */
  track(trackId) {
    const carried = this.#slots.of(trackId);
    return carried && !carried.why ? this.#media.slotTrack(carried.mid) : null;
  }

  /**
   * Takes the server's word on what is in the slots.
   *
   * @param {wire.Slots} slots
   */
  fill({ slots = [] }) {
    for (const change of this.#slots.replace(slots)) this.#tell(change);
  }

  /**
   * A track has come into the roster; its slot may have been filled before.
   *
   * @param {Track} track
   */
  published({ id }) {
    const now = this.#slots.of(id);
    if (now) this.#tell({ track: id, now });
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

  get #limit() {
    return this.#link.welcome.limits?.slots ?? 0;
  }

  /** @param {MediaKind} kind */
  #missing(kind) {
    // Audio is heard whether or not its peer is shown.
    const wanted = this.#roster.tracks().filter((track) =>
      track.kind === kind && (kind === 'audio' || this.#view.has(track.id))).length;
    return slotsToOpen({ open: this.#media.slotCount(kind), wanted, limit: this.#limit });
  }

  /** @param {SlotChange} change */
  #tell({ track: id, now }) {
    const track = this.#roster.track(id);
    // Not known yet, or removed before its slot was cleared: told by other events.
    if (!track) return;
    this.#calls.media({ track, peer: track.peer, mediaStreamTrack: this.track(id), why: now?.why ?? '' });
  }
}
