import { Component } from '../component.js';
import { h, setAttribute, setText } from '../dom.js';
import { icon, setIcon } from '../icons.js';
import { hue, initials } from '../names.js';
import { Picture } from './picture.js';

/**
 * What one tile shows.
 *
 * @typedef {object} Tile
 * @property {string} key names the tile on this page
 * @property {string} peer
 * @property {string} name
 * @property {boolean} self it is our own
 * @property {'camera' | 'screen'} kind
 * @property {string | null} track id of the video track; null without one
 * @property {MediaStreamTrack | null} media the picture, while there is one
 * @property {boolean} expected the picture is on, so it should come
 * @property {boolean} starved the way to us does not carry even the smallest picture now
 * @property {boolean} unplayable this browser has no decoder for the picture
 * @property {boolean} silent the microphone is off, or there is none
 * @property {boolean} speaking
 * @property {import('./weakness.js').Weakness | null} weakness null while all is well
 */

/**
 * @typedef {object} TileState
 * @property {Tile} tile
 * @property {boolean} pinned
 * @property {boolean} floating it is small and lies over others
 * @property {ReadonlySet<MediaStreamTrack>} shown the pictures of all tiles
 */

/** No new frame for so many looks, one per LOOK_MS: the link is weak. */
const STALLED_LOOKS = 3;
const LOOK_MS = 1000;

/**
 * One person or one shared screen. Emits 'pin', and 'aspect' with the width by
 * height of the picture.
 *
 * @extends {Component<TileState>}
 */
export class TileElement extends Component {
  #picture = new Picture(this);
  #avatar = h('div', { class: 'avatar', 'aria-hidden': 'true' });
  #name = h('span', { class: 'name' });
  #silent = h('span', { class: 'silent', role: 'img', 'aria-label': 'Microphone off' }, icon('microphone-off'));
  #bars = h('span', { class: 'bars', role: 'img', 'data-testid': 'weakness' }, icon('bars'));
  #label = h('div', { class: 'label' }, this.#bars, this.#silent, this.#name);
  #note = h('div', { class: 'note', role: 'status' });
  #pin = h('button', { type: 'button', class: 'round', onclick: () => this.emit('pin') });
  #expand = h('button', { type: 'button', class: 'round', 'aria-label': 'Full screen', title: 'Full screen', onclick: () => this.#toggleFullscreen() }, icon('expand'));
  #frameCame = true;
  #stalledLooks = 0;

  /** @param {TileState} state */
  constructor(state) {
    super(state);
  }

  /** @override */
  build() {
    this.setAttribute('role', 'group');
    this.#picture.addEventListener('change', () => {
      this.#stalledLooks = 0;
      this.#frameCame = true;
      this.changed();
    });
    this.#picture.addEventListener('resize', () => this.#resized());
    this.addEventListener('dblclick', (event) => {
      // Not the second of two clicks on a button of ours.
      if (!(event.target instanceof Element && event.target.closest('button'))) this.emit('pin');
    });
    this.append(this.#avatar, this.#label, this.#note, h('div', { class: 'tools' }, this.#expand, this.#pin));
  }

  /** @override */
  connected() {
    const looking = setInterval(() => this.#look(), LOOK_MS);
    this.life.addEventListener('abort', () => clearInterval(looking));
  }

  /** @override */
  disconnected() {
    this.#picture.clear();
  }

  /** @override */
  render() {
    const { tile, pinned, floating, shown } = this.state;
    setAttribute(this, 'data-testid', 'tile');
    setAttribute(this, 'data-peer', tile.peer);
    setAttribute(this, 'data-kind', tile.kind);
    this.toggleAttribute('data-self', tile.self);
    this.toggleAttribute('data-speaking', tile.speaking && !tile.silent);
    this.toggleAttribute('data-floating', floating);

    this.#picture.show(tile.media, (old) => !shown.has(old));
    const { playing, video } = this.#picture;
    video.hidden = !playing;
    this.toggleAttribute('data-picture', playing);

    const title = tile.kind === 'screen' ? `${tile.name}’s screen` : tile.self ? `${tile.name} (you)` : tile.name;
    setAttribute(this, 'aria-label', title);
    setText(this.#name, tile.self && floating ? 'You' : title);
    this.#silent.hidden = !tile.silent || tile.kind === 'screen';
    this.#renderWeakness(tile);
    setText(this.#avatar, initials(tile.name));
    this.style.setProperty('--hue', String(hue(tile.name)));
    this.#avatar.hidden = playing || tile.kind === 'screen';
    this.#renderNote(tile);

    setIcon(this.#pin, 'pin');
    setAttribute(this.#pin, 'aria-label', pinned ? `Unpin ${title}` : `Pin ${title}`);
    setAttribute(this.#pin, 'title', pinned ? 'Unpin' : 'Pin');
    setAttribute(this.#pin, 'aria-pressed', String(pinned));
    this.#expand.hidden = tile.kind !== 'screen' || !document.fullscreenEnabled;
  }

  /** @param {Tile} tile */
  #renderWeakness({ weakness }) {
    this.#bars.hidden = !weakness;
    if (!weakness) return;
    setAttribute(this.#bars, 'data-bars', String(weakness.bars));
    setAttribute(this.#bars, 'aria-label', weakness.words);
    setAttribute(this.#bars, 'title', weakness.words);
  }

  /** @param {Tile} tile */
  #renderNote(tile) {
    const { playing } = this.#picture;
    const weak = playing && this.#stalledLooks >= STALLED_LOOKS;
    let note = '';
    if (tile.unplayable) note = 'Your browser cannot play this picture';
    else if (tile.starved) note = tile.kind === 'screen' ? 'The screen waits for a better connection' : 'Their picture waits for a better connection';
    else if (weak) note = 'Weak link';
    else if (tile.expected && !playing) note = tile.kind === 'screen' ? 'The screen is coming…' : 'Connecting…';
    setText(this.#note, note);
    this.#note.hidden = !note;
    setAttribute(this, 'data-link', weak ? 'weak' : note && !tile.unplayable && !tile.starved ? 'connecting' : null);
  }

  #resized() {
    const { videoWidth, videoHeight } = this.#picture.video;
    if (videoHeight > 0) this.emit('aspect', videoWidth / videoHeight);
  }

  /**
   * Notices when pictures stop coming though they should. A page in the
   * background decodes nothing, and a screen may stand still: neither counts.
   */
  #look() {
    const { tile } = this.state;
    if (document.hidden || tile.self || tile.kind === 'screen' || !tile.expected || !this.#picture.playing) {
      this.#stalledLooks = 0;
      this.#frameCame = true;
      return;
    }
    const before = this.#stalledLooks;
    this.#stalledLooks = this.#frameCame ? 0 : before + 1;
    this.#awaitFrame();
    if (before >= STALLED_LOOKS !== this.#stalledLooks >= STALLED_LOOKS) this.changed();
  }

  /** Asks to be told of the next frame. (Firefox counts none of a stream's.) */
  #awaitFrame() {
    const { video } = this.#picture;
    if (!('requestVideoFrameCallback' in video)) return;
    this.#frameCame = false;
    video.requestVideoFrameCallback(() => {
      this.#frameCame = true;
    });
  }

  #toggleFullscreen() {
    if (document.fullscreenElement) void document.exitFullscreen();
    else void this.requestFullscreen();
  }
}

customElements.define('hiroba-tile', TileElement);
