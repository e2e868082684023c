import { roomChange, wireGrants } from './settings.js';

/** @import { Link } from './link.js' */
/** @import { Grant, RoomSettings } from './settings.js' */
/** @import * as wire from './messages.js' */

/**
 * Moderation is what a peer with the grant `admin` may do to the room and to
 * others. Everything resolves when it is done, and rejects with HirobaError:
 * `NOT_GRANTED` to those who may not.
 */
export class Moderation {
  #link;

  /**
   * Made by Room.
   *
   * @param {Link} link
   */
  constructor(link) {
    this.#link = link;
  }

  /**
   * Mutes a track; its publisher can unmute it.
   *
   * @param {string} peer  peer id
   * @param {string} track  track id
   */
  mute(peer, track) {
    return this.#do({ mute: { peer, track } });
  }

  /**
   * Ends a track.
   *
   * @param {string} peer  peer id
   * @param {string} track  track id
   */
  stop(peer, track) {
    return this.#do({ stop: { peer, track } });
  }

  /**
   * Removes a peer.
   *
   * @param {string} peer  peer id
   * @param {{banSeconds?: number}} [options]  how long it may not come back; 0: it may at once
   */
  kick(peer, { banSeconds = 0 } = {}) {
    return this.#do({ kick: { peer, banSeconds } });
  }

  /**
   * Changes what a peer may do.
   *
   * @param {string} peer  peer id
   * @param {Grant[]} grants  all that it has from now on
   * @param {{role?: string}} [options]  left out, the role stays
   */
  setGrants(peer, grants, { role } = {}) {
    return this.#do({ grants: { peer, grants: wireGrants(grants), role } });
  }

  /** @param {string} peer  id of one who waits to be let in */
  admit(peer) {
    return this.#do({ admit: peer });
  }

  /** @param {string} peer  id of one who waits to be let in */
  refuse(peer) {
    return this.#do({ refuse: peer });
  }

  /** Lets nobody in any more but moderators. */
  lock(locked = true) {
    return this.change({ locked });
  }

  /** Has everybody wait until they are let in. */
  lobby(lobby = true) {
    return this.change({ lobby });
  }

  /** @param {Partial<RoomSettings>} change  what is left out stays */
  change(change) {
    return this.#do({ room: roomChange(change) });
  }

  /** Ends the room for everybody. */
  end() {
    return this.#do({ end: {} });
  }

  /** @param {wire.Moderate} moderate */
  async #do(moderate) {
    await this.#link.request({ moderate });
  }
}
