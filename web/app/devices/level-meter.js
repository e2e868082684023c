import { Component } from '../component.js';
import { h } from '../dom.js';
import { followLevel } from './level.js';

const BARS = 5;

/**
 * Shows that the microphone hears: a few bars that rise with the voice.
 *
 * @extends {Component<{track: MediaStreamTrack | null}>}
 */
export class LevelMeter extends Component {
  /** @type {HTMLElement[]} */
  #bars = [];
  /** @type {MediaStreamTrack | null} */
  #track = null;
  #following = new AbortController();

  constructor() {
    super({ track: null });
  }

  /** @override */
  build() {
    this.role = 'meter';
    this.ariaLabel = 'Microphone level';
    this.ariaValueMin = '0';
    this.ariaValueMax = '100';
    this.#bars = Array.from({ length: BARS }, () => h('span'));
    this.append(...this.#bars);
  }

  /** @override */
  render() {
    const { track } = this.state;
    if (track === this.#track) return;
    this.#following.abort();
    this.#following = new AbortController();
    this.#track = track;
    this.#show(0);
    if (track) followLevel(track, this.#following.signal, (level) => this.#show(level));
  }

  /** @override */
  disconnected() {
    this.#following.abort();
    this.#track = null;
  }

  /** @param {number} level */
  #show(level) {
    this.#bars.forEach((bar, index) => {
      // The middle bars are the tallest, as in every picture of a voice.
      const share = 1 - Math.abs(index - (BARS - 1) / 2) / BARS;
      bar.style.scale = `1 ${Math.max(level * share, 0.12).toFixed(2)}`;
    });
    const value = String(Math.round(level * 10) * 10);
    if (this.ariaValueNow !== value) this.ariaValueNow = value;
  }
}

customElements.define('hiroba-level-meter', LevelMeter);
