import { moderates } from './rights.js';

/** @typedef {import('/sdk/hiroba.js').Room} Room */
/** @typedef {import('/sdk/hiroba.js').Peer} Peer */
/** @typedef {import('/sdk/hiroba.js').Track} Track */
/** @typedef {import('../devices/problems.js').Kind} Kind */

/**
 * Brings us in line with what somebody else did to us.
 *
 * @typedef {object} ModeratedCalls
 * @property {(sentence: string) => void} tell
 * @property {(kind: Kind) => void} turnOff a device
 * @property {() => boolean} unshare ends our shared screen, and says whether there was one
 */

/**
 * What moderators do to us: devices and screen follow, and we are told.
 */
export class Moderated {
  #calls;
  #moderated;

  /**
   * @param {Pick<Peer, 'grants'>} self
   * @param {ModeratedCalls} calls
   */
  constructor(self, calls) {
    this.#moderated = moderates(self);
    this.#calls = calls;
  }

  /**
   * One of our tracks was muted.
   *
   * @param {Pick<Track, 'source'>} track
   */
  muted({ source }) {
    if (source === 'microphone') {
      this.#calls.turnOff('microphone');
      this.#calls.tell('You were muted by a moderator');
    } else if (source === 'camera') {
      this.#calls.turnOff('camera');
      this.#calls.tell('A moderator turned your camera off');
    }
  }

  /**
   * One of our tracks was ended.
   *
   * @param {Pick<Track, 'source'>} track
   */
  stopped({ source }) {
    if (source === 'camera' || source === 'microphone') {
      this.#calls.turnOff(source);
      this.#calls.tell(`A moderator turned your ${source} off`);
    } else if (this.#calls.unshare()) {
      this.#calls.tell('A moderator stopped your sharing');
    }
  }

  /**
   * What others know of us has changed.
   *
   * @param {Pick<Peer, 'grants'>} self
   */
  updated(self) {
    const before = this.#moderated;
    this.#moderated = moderates(self);
    if (this.#moderated === before) return;
    this.#calls.tell(before ? 'You are no longer a moderator' : 'You are a moderator now');
  }
}
