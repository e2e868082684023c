/** @typedef {import('/sdk/hiroba.js').Room} Room */
/** @typedef {import('/sdk/hiroba.js').Publication} Publication */
/** @typedef {import('../devices/local-media.js').LocalMedia} LocalMedia */
/** @typedef {import('../devices/problems.js').Kind} Kind */

/** @type {readonly Kind[]} */
const KINDS = ['microphone', 'camera'];

/** This browser can share a screen; those of phones cannot. */
export const canShare = typeof globalThis.navigator?.mediaDevices?.getDisplayMedia === 'function';

/**
 * Brings what a room gets from us in line with what our devices give: one
 * publication for the camera, one for the microphone, and those of a shared
 * screen, whose tracks it owns.
 *
 * Fires 'change' when `sharing` changes, and 'problem' with a sentence as its
 * detail when something could not be sent.
 */
export class Publisher extends EventTarget {
  #room;
  #media;
  #allows;
  /** One change at a time; the next looks at what the last one left. */
  #queue = Promise.resolve();
  /** @type {MediaStream | null} */
  #screen = null;

  /**
   * @param {Room} room
   * @param {LocalMedia} media
   * @param {(source: string) => boolean} [allows] whether we may send this
   */
  constructor(room, media, allows = () => true) {
    super();
    this.#room = room;
    this.#media = media;
    this.#allows = allows;
  }

  get sharing() {
    return this.#screen !== null;
  }

  /** Our devices may have changed. */
  follow() {
    this.#enqueue(async () => {
      for (const kind of KINDS) await this.#bring(kind);
    });
  }

  /** Asks for a screen, a window or a tab, and sends it. */
  async share() {
    if (this.#screen) return;
    let screen;
    try {
      screen = await navigator.mediaDevices.getDisplayMedia(SCREEN);
    } catch (error) {
      // To close the browser's question is an answer, and no problem.
      if (!(error instanceof Error && error.name === 'NotAllowedError')) this.#problem('Your screen cannot be shared', error);
      return;
    }
    this.#setScreen(screen);
    for (const track of screen.getTracks()) {
      track.addEventListener('ended', () => this.unshare(), { once: true });
      const source = track.kind === 'video' ? 'screen' : 'screen-audio';
      this.#enqueue(async () => {
        if (track.readyState === 'live' && this.#allows(source)) await this.#room.publish(track, { source });
      });
    }
  }

  /** Ends the shared screen. */
  unshare() {
    for (const track of this.#screen?.getTracks() ?? []) track.stop();
    this.#setScreen(null);
    this.#enqueue(async () => {
      for (const source of ['screen', 'screen-audio']) await this.#publication(source)?.stop();
    });
  }

  /** The room is over: our screen is ours again. */
  stop() {
    for (const track of this.#screen?.getTracks() ?? []) track.stop();
    this.#setScreen(null);
  }

  /**
   * A silent microphone stays published, so that it is back at once; a camera
   * that is off sends nothing, and is closed.
   *
   * @param {Kind} kind
   */
  async #bring(kind) {
    const { track, wanted } = this.#media[kind];
    const on = wanted && track !== null;
    const publication = this.#publication(kind);
    if (!publication) {
      if (track && (on || kind === 'microphone') && this.#allows(kind)) await this.#room.publish(track, { source: kind, muted: !on });
      return;
    }
    if (!on && !publication.muted) await publication.mute();
    if (publication.track !== track) await publication.replace(track);
    // A moderator may have muted it meanwhile.
    if (on && this.#media[kind].wanted && publication.muted) await publication.unmute();
  }

  /** @param {string} source */
  #publication(source) {
    return [...this.#room.publications.values()].find((publication) => publication.source === source);
  }

  /** @param {MediaStream | null} screen */
  #setScreen(screen) {
    this.#screen = screen;
    this.dispatchEvent(new Event('change'));
  }

  /** @param {() => Promise<void>} work */
  #enqueue(work) {
    this.#queue = this.#queue.then(work).catch((error) => {
      if (this.#room.state !== 'lost' && this.#room.state !== 'closed') this.#problem('This could not be sent', error);
    });
  }

  /**
   * @param {string} what
   * @param {unknown} error
   */
  #problem(what, error) {
    const detail = `${what}: ${error instanceof Error ? error.message : String(error)}`;
    this.dispatchEvent(new CustomEvent('problem', { detail }));
  }
}

/**
 * What to ask for. The options after audio are younger than some browsers,
 * which ignore what they do not know.
 */
const SCREEN = /** @type {DisplayMediaStreamOptions} */ ({
  video: { frameRate: { max: 30 } },
  audio: true,
  systemAudio: 'include',
  surfaceSwitching: 'include',
  selfBrowserSurface: 'exclude',
});
