import { asHirobaError, HirobaError } from './errors.js';

/** @import { Link } from './link.js' */
/** @import { Media } from './media.js' */

/**
 * One change of what is offered.
 *
 * @typedef {object} Change
 * @property {() => void | Promise<void>} [make]  changes the sections; runs when its turn has come
 * @property {(sdp: string) => Promise<string>} [say]  sends the offer, calls media.trickle()
 *   and returns the answer; left out, a plain `description` to the SFU
 * @property {() => void | Promise<void>} [undo]  takes the change back when it was refused
 */

/**
 * Negotiation lets one offer at a time out to the SFU; the next is made when
 * the answer to the last has been applied.
 */
export class Negotiation {
  #link;
  #media;
  #broken;
  /** @type {Promise<unknown>} */
  #tail = Promise.resolve();
  /** @type {HirobaError | null} */
  #ended = null;

  /**
   * @param {Link} link
   * @param {Media} media
   * @param {(error: HirobaError) => void} broken  an answer never came: whether the
   *   server took the offer is unknown, so no further one can fit
   */
  constructor(link, media, broken) {
    this.#link = link;
    this.#media = media;
    this.#broken = broken;
  }

  /**
   * @param {Change} change
   * @returns {Promise<void>} resolves when the answer is applied; rejects with
   *   HirobaError after the change was taken back
   */
  run(change) {
    const turn = this.#tail.then(() => this.#exchange(change));
    this.#tail = turn.catch(() => {});
    return turn;
  }

  /**
   * Does something that must not meet an offer, when its turn has come.
   *
   * @param {() => Promise<void>} work
   * @returns {Promise<void>}
   */
  between(work) {
    const turn = this.#tail.then(() => {
      if (this.#ended) throw this.#ended;
      return work();
    });
    this.#tail = turn.catch(() => {});
    return turn;
  }

  /**
   * Fails what is in line and what comes later.
   *
   * @param {HirobaError} error
   */
  end(error) {
    this.#ended ??= error;
  }

  get ended() {
    return this.#ended !== null;
  }

  /**
   * Sends an offer and returns the answer.
   *
   * @param {string} sdp
   * @returns {Promise<string>}
   */
  async describe(sdp) {
    const answered = this.#link.request({ description: { to: 'sfu', type: 'OFFER', sdp } });
    this.#media.trickle();
    return (await answered).description?.sdp ?? '';
  }

  /** @param {Change} change */
  async #exchange({ make, say = (sdp) => this.describe(sdp), undo }) {
    if (this.#ended) throw this.#ended;
    try {
      await make?.();
      const answer = await say(await this.#media.offer());
      await this.#media.answer(answer);
    } catch (error) {
      if (error instanceof HirobaError && (error.code === 'TIMEOUT' || error.code === 'ANSWER_LOST')) this.#broken(error);
      await this.#media.rollback();
      await undo?.();
      // Whatever a closed PeerConnection threw, the end is the reason.
      throw this.#ended ?? asHirobaError(error, 'BAD_DESCRIPTION', `The browser and the server do not agree on the media: ${error}`);
    }
  }
}
