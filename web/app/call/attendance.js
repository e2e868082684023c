import { nameOf } from './cast.js';

/** @typedef {import('/sdk/hiroba.js').Peer} Peer */
/** @typedef {import('/sdk/hiroba.js').LeftReason} LeftReason */

/**
 * What people do that others may be doing in the same moment.
 *
 * @typedef {'joined' | 'left' | 'lost the connection' | 'is back' | 'was removed'} Did
 */

/**
 * Who comes, goes, is away and comes back: what is worth telling of it. Who
 * was told to be away and then leaves has been told of already.
 */
export class Attendance {
  #tell;
  /** Peer ids. @type {Set<string>} */
  #away;

  /**
   * @param {Iterable<Peer>} peers who is there already
   * @param {(name: string, did: Did) => void} tell
   */
  constructor(peers, tell) {
    this.#away = new Set([...peers].filter((peer) => peer.away).map((peer) => peer.id));
    this.#tell = tell;
  }

  /** @param {Peer} peer */
  joined(peer) {
    this.#tell(nameOf(peer), 'joined');
    // It may be gone again by the time we hear of it.
    this.updated(peer);
  }

  /** @param {Peer} peer */
  updated(peer) {
    if (peer.away === this.#away.has(peer.id)) return;
    if (peer.away) this.#away.add(peer.id);
    else this.#away.delete(peer.id);
    this.#tell(nameOf(peer), peer.away ? 'lost the connection' : 'is back');
  }

  /**
   * @param {Peer} peer
   * @param {LeftReason} reason
   */
  left(peer, reason) {
    const wasAway = this.#away.delete(peer.id);
    if (reason === 'REMOVED') this.#tell(nameOf(peer), 'was removed');
    else if (!wasAway) this.#tell(nameOf(peer), reason === 'LOST' ? 'lost the connection' : 'left');
  }
}
