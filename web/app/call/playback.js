/**
 * The sound of the others: one hidden audio element for each track. Fires
 * 'change' when `blocked` changes.
 */
export class Playback extends EventTarget {
  #host;
  /** @type {Map<string, HTMLAudioElement>} */
  #elements = new Map();
  #speaker = '';
  #blocked = false;

  /** @param {Element} host where the elements live */
  constructor(host) {
    super();
    this.#host = host;
  }

  /** The browser waits for a click before it lets the page be heard. */
  get blocked() {
    return this.#blocked;
  }

  /**
   * Plays these tracks and no others.
   *
   * @param {ReadonlyMap<string, MediaStreamTrack>} tracks by track id
   */
  play(tracks) {
    for (const [id, element] of this.#elements) {
      if (tracks.has(id)) continue;
      element.srcObject = null;
      element.remove();
      this.#elements.delete(id);
    }
    for (const [id, track] of tracks) {
      const element = this.#elements.get(id) ?? this.#add(id);
      const stream = /** @type {MediaStream | null} */ (element.srcObject);
      if (stream?.getAudioTracks()[0] === track) continue;
      element.srcObject = new MediaStream([track]);
      void this.#start(element);
    }
  }

  /**
   * Sends the sound to another device.
   *
   * @param {string} device '' for the system's choice
   */
  useSpeaker(device) {
    if (device === this.#speaker) return;
    this.#speaker = device;
    for (const element of this.#elements.values()) void this.#route(element);
  }

  /** Tries again what the browser held back; call it from a click. */
  async unblock() {
    this.#setBlocked(false);
    await Promise.all([...this.#elements.values()].map((element) => this.#start(element)));
  }

  /** @param {string} id */
  #add(id) {
    const element = document.createElement('audio');
    element.autoplay = true;
    element.hidden = true;
    element.dataset.track = id;
    this.#elements.set(id, element);
    this.#host.append(element);
    void this.#route(element);
    return element;
  }

  /** @param {HTMLAudioElement} element */
  async #route(element) {
    if (!('setSinkId' in element)) return;
    try {
      await element.setSinkId(this.#speaker);
    } catch {
      // That device is gone; the system's choice goes on playing.
    }
  }

  /** @param {HTMLAudioElement} element */
  async #start(element) {
    try {
      await element.play();
    } catch (error) {
      // An AbortError only says that another track came in between.
      if (error instanceof Error && error.name === 'NotAllowedError') this.#setBlocked(true);
    }
  }

  /** @param {boolean} blocked */
  #setBlocked(blocked) {
    if (blocked === this.#blocked) return;
    this.#blocked = blocked;
    this.dispatchEvent(new Event('change'));
  }
}
