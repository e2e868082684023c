/**
 * The picture of one tile, as a video element or, for a moment, two: when
 * another track takes the place of one that is shown, the old picture stays
 * over the new one until that plays.
 *
 * Fires 'change' when `playing` or `video` changes, and 'resize' when the
 * picture has another shape.
 */
export class Picture extends EventTarget {
  #host;
  #video = this.#make();
  /** What takes its place as soon as it plays. @type {HTMLVideoElement | null} */
  #next = null;
  #playing = false;

  /** @param {Element} host where the elements live, behind all else */
  constructor(host) {
    super();
    this.#host = host;
    host.prepend(this.#video);
  }

  /** There is something to see. */
  get playing() {
    return this.#playing;
  }

  /** The element that is seen. */
  get video() {
    return this.#video;
  }

  /**
   * Shows a track, or nothing.
   *
   * @param {MediaStreamTrack | null} media
   * @param {(old: MediaStreamTrack) => boolean} [keeps] whether the picture
   *   before may stay until this one plays: it shows somebody else by now
   *   when its track was handed on
   */
  show(media, keeps = () => true) {
    const old = trackOf(this.#video);
    if (this.#next && old && !keeps(old)) this.#swap(this.#next, false);
    if (media === trackOf(this.#next ?? this.#video)) return;
    this.#drop(this.#next);
    this.#next = null;
    if (media === trackOf(this.#video)) return;
    if (media && old && this.#playing && keeps(old)) {
      this.#next = this.#make();
      this.#next.srcObject = new MediaStream([media]);
      this.#host.prepend(this.#next);
      return;
    }
    this.#video.srcObject = media && new MediaStream([media]);
    this.#setPlaying(false);
  }

  /** Lets go of the track; show() takes it up again. */
  clear() {
    this.show(null);
  }

  #make() {
    const video = document.createElement('video');
    video.autoplay = true;
    video.playsInline = true;
    video.muted = true; // Sound has elements of its own.
    video.addEventListener('playing', () => {
      if (!video.srcObject) return;
      if (video === this.#next) this.#swap(video, true);
      else if (video === this.#video) this.#setPlaying(true);
    });
    video.addEventListener('resize', () => {
      if (video === this.#video) this.dispatchEvent(new Event('resize'));
    });
    return video;
  }

  /**
   * @param {HTMLVideoElement} next
   * @param {boolean} playing
   */
  #swap(next, playing) {
    this.#drop(this.#video);
    this.#video = next;
    this.#next = null;
    this.#playing = playing;
    this.dispatchEvent(new Event('change'));
    this.dispatchEvent(new Event('resize'));
  }

  /** @param {HTMLVideoElement | null} video */
  #drop(video) {
    if (!video) return;
    video.srcObject = null;
    video.remove();
  }

  /** @param {boolean} playing */
  #setPlaying(playing) {
    if (playing === this.#playing) return;
    this.#playing = playing;
    this.dispatchEvent(new Event('change'));
  }
}

/** @param {HTMLVideoElement} video */
function trackOf(video) {
  const stream = /** @type {MediaStream | null} */ (video.srcObject);
  return stream?.getVideoTracks()[0] ?? null;
}
