/** @typedef {import('/sdk/hiroba.js').MediaChange} MediaChange */

/**
 * What was received of tracks that are paused, because nobody looked at the
 * page: its last picture is what is seen first by who comes back.
 */
export class Stills {
  /** @type {Map<string, MediaStreamTrack>} */
  #media = new Map();

  /** @param {Pick<MediaChange, 'mediaStreamTrack' | 'why'> & {track: {id: string}}} change */
  follow({ track, mediaStreamTrack, why }) {
    if (mediaStreamTrack) {
      // Who had this before shows somebody else by now.
      for (const [id, media] of this.#media) if (media === mediaStreamTrack) this.#media.delete(id);
      this.#media.set(track.id, mediaStreamTrack);
    } else if (why !== 'PAUSED') {
      this.#media.delete(track.id);
    }
  }

  /** @param {string} track id of one that has ended */
  drop(track) {
    this.#media.delete(track);
  }

  clear() {
    this.#media.clear();
  }

  /**
   * @param {string} track id
   * @returns {MediaStreamTrack | null}
   */
  of(track) {
    return this.#media.get(track) ?? null;
  }
}
