import { GOOD } from './quality.js';
import { grantsOf } from './settings.js';

/** @import { Grant } from './settings.js' */
/** @import * as wire from './messages.js' */
/** @import { Quality } from './quality.js' */

/**
 * A participant. The object stays the same for as long as it is in the room.
 *
 * @typedef {object} Peer
 * @property {string} id
 * @property {string} name
 * @property {ReadonlyMap<string, Track>} tracks  by track id
 * @property {string} user  who it is beyond this room; empty on an open server
 * @property {string} role  what it is here: `moderator`, `guest` or a word of the application's
 * @property {string} metadata  what it says of itself; see Room.setMetadata
 * @property {readonly Grant[]} grants  what it may do
 * @property {boolean} away  it cannot be reached now; it may come back
 * @property {number} joinedMs  when it joined, Unix milliseconds
 * @property {Quality} quality  how well its media gets through to this client
 */

/**
 * A published audio or video source. The object stays the same until the track
 * is removed; `muted` and `source` change in place.
 *
 * @typedef {object} Track
 * @property {string} id
 * @property {'audio' | 'video'} kind
 * @property {string} source  `camera`, `microphone`, `screen`, `screen-audio` or a word of the application's
 * @property {boolean} muted  by its publisher
 * @property {Peer} peer  its publisher
 */

/** @typedef {'LEFT' | 'LOST' | 'CLOSED' | 'REMOVED'} LeftReason  it said so · its connection broke · the server closed it · a moderator removed it */

/**
 * One thing that changed: the name of a Room event and its arguments.
 *
 * @typedef {['peer-joined', Peer]
 *   | ['peer-updated', Peer]
 *   | ['peer-left', Peer, LeftReason]
 *   | ['track-published', Track, Peer]
 *   | ['track-updated', Track, Peer]
 *   | ['track-removed', Track, Peer]} RosterChange
 */

/** @typedef {Peer & {tracks: Map<string, Track>}} Entry */

/**
 * Roster is who else is in the room and what they publish, kept by applying the
 * server's messages in their order.
 */
export class Roster {
  /** @type {Map<string, Entry>} */
  #peers = new Map();
  #self = '';

  /** @type {ReadonlyMap<string, Peer>} everybody else, by peer id */
  get peers() {
    return this.#peers;
  }

  /**
   * @param {string} id
   * @returns {Track | undefined}
   */
  track(id) {
    for (const peer of this.#peers.values()) {
      const track = peer.tracks.get(id);
      if (track) return track;
    }
    return undefined;
  }

  /** @returns {Track[]} all tracks of everybody else */
  tracks() {
    return [...this.#peers.values()].flatMap((peer) => [...peer.tracks.values()]);
  }

  /**
   * Starts from the snapshot that answers join.
   *
   * @param {wire.Joined} joined
   */
  reset({ peer: self = '', peers = [] }) {
    this.#self = self;
    this.#peers.clear();
    for (const peer of peers) {
      // Drained for its effect: a snapshot is a state, not a list of events.
      for (const _ of this.#join(peer)) continue;
    }
  }

  /**
   * Becomes what a later snapshot says: the difference was lost on the way.
   *
   * @param {wire.Joined} joined
   * @returns {Generator<RosterChange, void, void>}
   */
  *catchUp({ peers = [] }) {
    const now = new Map(peers.map((peer) => [peer.id, peer]));
    for (const { id, tracks } of [...this.#peers.values()]) {
      const peer = now.get(id);
      if (!peer) yield* this.#leave({ peer: id });
      for (const track of [...tracks.keys()]) {
        if (!peer?.tracks?.some((still) => still.id === track)) yield* this.#remove({ peer: id, track });
      }
    }
    for (const peer of peers) {
      yield* this.#update(peer);
      yield* this.#join(peer);
    }
  }

  /**
   * Applies one message. Every change is made when it is taken from the
   * iterator, so that a listener sees the room as of its own event.
   *
   * @param {wire.ServerMessage} message  those about other things are ignored
   * @returns {Generator<RosterChange, void, void>}
   */
  *apply({ peerJoined, peerUpdated, peerLeft, trackPublished, trackUpdated, trackRemoved }) {
    if (peerJoined?.peer) yield* this.#join(peerJoined.peer);
    else if (peerUpdated?.peer) yield* this.#update(peerUpdated.peer);
    else if (peerLeft) yield* this.#leave(peerLeft);
    else if (trackPublished) yield* this.#publish(trackPublished);
    else if (trackUpdated) yield* this.#publish(trackUpdated);
    else if (trackRemoved) yield* this.#remove(trackRemoved);
  }

  /**
   * @param {wire.Peer} joined
   * @returns {Generator<RosterChange, void, void>}
   */
  *#join(joined) {
    const { id = '', tracks = [] } = joined;
    if (!id || id === this.#self) return;
    if (!this.#peers.has(id)) {
      const peer = { id, tracks: new Map(), quality: GOOD, ...described(joined) };
      this.#peers.set(id, peer);
      yield ['peer-joined', peer];
    }
    for (const track of tracks) yield* this.#publish({ peer: id, track });
  }

  /**
   * @param {wire.Peer} updated
   * @returns {Generator<RosterChange, void, void>}
   */
  *#update(updated) {
    const peer = this.#peers.get(updated.id ?? '');
    if (peer && describe(peer, updated)) yield ['peer-updated', peer];
  }

  /**
   * @param {wire.PeerLeft} left
   * @returns {Generator<RosterChange, void, void>}
   */
  *#leave({ peer: id = '', reason }) {
    const peer = this.#peers.get(id);
    if (!peer) return;
    for (const track of peer.tracks.keys()) yield* this.#remove({ peer: id, track });
    this.#peers.delete(id);
    yield ['peer-left', peer, reason && reason !== 'REASON_UNSPECIFIED' ? reason : 'LOST'];
  }

  /**
   * @param {wire.TrackPublished} published
   * @returns {Generator<RosterChange, void, void>}
   */
  *#publish({ peer: peerId = '', track: { id = '', kind, source = '', muted = false } = {} }) {
    const peer = this.#peers.get(peerId);
    if (!peer || !id) return;
    const known = peer.tracks.get(id);
    if (!known) {
      /** @type {Track} */
      const track = { id, kind: kind === 'AUDIO' ? 'audio' : 'video', source, muted, peer };
      peer.tracks.set(id, track);
      yield ['track-published', track, peer];
    } else if (known.source !== source || known.muted !== muted) {
      known.source = source;
      known.muted = muted;
      yield ['track-updated', known, peer];
    }
  }

  /**
   * @param {wire.TrackRemoved} removed
   * @returns {Generator<RosterChange, void, void>}
   */
  *#remove({ peer: peerId = '', track: id = '' }) {
    const peer = this.#peers.get(peerId);
    const track = peer?.tracks.get(id);
    if (!peer || !track) return;
    peer.tracks.delete(id);
    yield ['track-removed', track, peer];
  }
}

/**
 * Brings a peer up to date, all but its tracks and quality.
 *
 * @param {Peer} peer
 * @param {wire.Peer} now
 * @returns {boolean} whether anything is different
 */
export function describe(peer, now) {
  const { id, tracks, quality, ...before } = peer;
  const after = described(now);
  Object.assign(peer, after);
  return JSON.stringify({ ...before, ...after }) !== JSON.stringify(before);
}

/**
 * @param {wire.Peer} peer
 * @returns {Omit<Peer, 'id' | 'tracks' | 'quality'>}
 */
export function described({ name = '', user = '', role = '', metadata = '', grants, away = false, joinedMs = '0' }) {
  return { name, user, role, metadata, grants: grantsOf(grants), away, joinedMs: Number(joinedMs) };
}
