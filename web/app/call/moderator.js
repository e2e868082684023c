import { nameOf } from './cast.js';

/** @typedef {import('/sdk/hiroba.js').Room} Room */
/** @typedef {import('/sdk/hiroba.js').Peer} Peer */
/** @typedef {import('./confirm.js').Confirm} Confirm */

/** How long somebody is kept out who is removed with that. */
const BAN_SECONDS = 3600;

/** Somebody was quicker: what was to be dealt with is gone. */
const OVERTAKEN = ['NO_SUCH_PEER', 'NO_SUCH_TRACK'];

/**
 * What we do as a moderator, as far as we may. Things that cannot be undone
 * are asked again first.
 */
export class Moderator {
  #room;
  #confirm;
  #problem;
  #ended = false;

  /**
   * @param {Room} room
   * @param {Pick<Confirm, 'ask'>} confirm
   * @param {(sentence: string) => void} problem is told what did not work
   */
  constructor(room, confirm, problem) {
    this.#room = room;
    this.#confirm = confirm;
    this.#problem = problem;
  }

  /** We have ended the room ourselves. */
  get ended() {
    return this.#ended;
  }

  /**
   * @param {string} id of an item of menuFor()
   * @param {string} who peer id
   */
  toPerson(id, who) {
    const { moderate, peers } = this.#room;
    const peer = peers.get(who);
    if (!peer) return;
    /** @type {Record<string, () => Promise<void>>} */
    const deeds = {
      mute: () => this.#mute(peer, ({ kind, source }) => kind === 'audio' && source !== 'screen-audio'),
      hide: () => this.#mute(peer, ({ kind, source }) => kind === 'video' && source !== 'screen'),
      unshare: () => this.#unshare(peer),
      promote: () => moderate.setGrants(who, [...peer.grants, 'admin']),
      demote: () => moderate.setGrants(who, peer.grants.filter((grant) => grant !== 'admin')),
      remove: () => this.#remove(peer),
    };
    void this.#try(deeds[id]);
  }

  /** @param {string} id of an item of menuForRoom() */
  toRoom(id) {
    const { moderate, settings } = this.#room;
    /** @type {Record<string, () => Promise<void>>} */
    const deeds = {
      lock: () => moderate.lock(!settings.locked),
      lobby: () => moderate.lobby(!settings.lobby),
      end: () => this.#end(),
    };
    void this.#try(deeds[id]);
  }

  /**
   * @param {'admit' | 'refuse'} answer
   * @param {readonly string[]} peers ids of those who wait
   */
  answer(answer, peers) {
    for (const peer of peers) void this.#try(() => this.#room.moderate[answer](peer));
  }

  /**
   * @param {Peer} peer
   * @param {(track: import('/sdk/hiroba.js').Track) => boolean} which
   */
  async #mute(peer, which) {
    const tracks = [...peer.tracks.values()].filter((track) => which(track) && !track.muted);
    await Promise.all(tracks.map(({ id }) => this.#room.moderate.mute(peer.id, id)));
  }

  /** @param {Peer} peer */
  async #unshare(peer) {
    const tracks = [...peer.tracks.values()].filter(({ source }) => source === 'screen' || source === 'screen-audio');
    await Promise.all(tracks.map(({ id }) => this.#room.moderate.stop(peer.id, id)));
  }

  /** @param {Peer} peer */
  async #remove(peer) {
    const { yes, option } = await this.#confirm.ask({
      title: `Remove ${nameOf(peer)}?`,
      text: 'They leave the call at once.',
      action: 'Remove',
      option: 'Keep out for an hour',
    });
    if (yes) await this.#room.moderate.kick(peer.id, { banSeconds: option ? BAN_SECONDS : 0 });
  }

  async #end() {
    const { yes } = await this.#confirm.ask({
      title: 'End the call for everybody?',
      text: 'Everybody leaves at once, you too.',
      action: 'End for everybody',
      option: '',
    });
    if (!yes) return;
    // That it has ended may be told before the answer comes.
    this.#ended = true;
    try {
      await this.#room.moderate.end();
    } catch (error) {
      this.#ended = this.#over;
      throw error;
    }
  }

  /** @param {() => Promise<void>} [work] */
  async #try(work) {
    try {
      await work?.();
    } catch (error) {
      const { code, message } = /** @type {import('/sdk/hiroba.js').HirobaError} */ (error);
      if (!this.#over && !OVERTAKEN.includes(code)) this.#problem(message);
    }
  }

  get #over() {
    return this.#room.state === 'closed' || this.#room.state === 'lost';
  }
}
