import { Component } from '../component.js';
import { h, setAttribute, setText } from '../dom.js';
import { setIcon } from '../icons.js';
import { hue, initials, NAMELESS } from '../names.js';
import { LevelMeter } from '../devices/level-meter.js';
import { NONE } from '../devices/local-media.js';
import { together } from '../devices/problems.js';

/** @typedef {import('../devices/local-media.js').OwnMedia} OwnMedia */

/**
 * Our own picture before going in, as in a mirror, with the two switches and
 * what is wrong when something is. Emits 'turn' with {kind, on} and 'retry'.
 *
 * @extends {Component<{media: OwnMedia, name: string, allows: (source: 'camera' | 'microphone') => boolean}>}
 */
export class Preview extends Component {
  #video = h('video', { autoplay: true, playsinline: true, 'aria-label': 'Your camera' });
  #avatar = h('div', { class: 'avatar', 'aria-hidden': 'true' });
  #off = h('p', { class: 'off' });
  #what = h('p', { class: 'what' });
  #next = h('p', { class: 'next' });
  #retry = h('button', { type: 'button', 'data-testid': 'retry', onclick: () => this.emit('retry') }, 'Try again');
  #problem = h('div', { class: 'problem', role: 'alert', 'data-testid': 'problem' }, this.#what, this.#next, this.#retry);
  #meter = new LevelMeter();
  #microphone = h('button', { type: 'button', class: 'switch', 'data-testid': 'mic', onclick: () => this.#turn('microphone') });
  #camera = h('button', { type: 'button', class: 'switch', 'data-testid': 'camera', onclick: () => this.#turn('camera') });

  constructor() {
    super({ media: NONE, name: '', allows: () => true });
  }

  /** @override */
  build() {
    // Without this a preview would play back nothing anyway; but browsers
    // start only silent video by themselves.
    this.#video.muted = true;
    this.append(
      this.#video,
      h('div', { class: 'empty' }, this.#avatar, this.#off, this.#problem),
      h('div', { class: 'switches' }, this.#microphone, this.#camera),
    );
  }

  /** @override */
  render() {
    const { media, name, allows } = this.state;
    const { camera, microphone } = media;
    const track = camera.wanted ? camera.track : null;

    const shown = /** @type {MediaStream | null} */ (this.#video.srcObject);
    if ((shown?.getVideoTracks()[0] ?? null) !== track) this.#video.srcObject = track && new MediaStream([track]);
    this.#video.hidden = !track;

    const problem = together(camera.wanted ? camera.problem : null, microphone.wanted ? microphone.problem : null);
    setText(this.#what, problem?.what ?? '');
    setText(this.#next, problem?.next ?? '');
    this.#retry.hidden = !problem?.retry;
    this.#problem.hidden = !problem;
    this.toggleAttribute('data-over-picture', Boolean(problem && track));

    this.#avatar.hidden = Boolean(track || problem);
    setText(this.#avatar, initials(name || NAMELESS));
    this.#avatar.style.setProperty('--hue', String(hue(name)));
    this.#off.hidden = Boolean(track || problem);
    if (!allows('camera')) setText(this.#off, 'You join without a camera');
    else setText(this.#off, camera.wanted ? 'Starting your camera…' : 'Your camera is off');

    this.#meter.state = { track: microphone.wanted ? microphone.track : null };
    show(this.#microphone, 'microphone', microphone.wanted && !microphone.problem);
    show(this.#camera, 'camera', camera.wanted && !camera.problem);
    this.#microphone.hidden = !allows('microphone');
    this.#camera.hidden = !allows('camera');
    if (microphone.wanted && microphone.track) this.#microphone.append(this.#meter);
    else this.#meter.remove();
  }

  /** @param {'camera' | 'microphone'} kind */
  #turn(kind) {
    const { wanted, problem } = this.state.media[kind];
    this.emit('turn', { kind, on: !wanted || Boolean(problem) });
  }
}

/**
 * @param {HTMLButtonElement} button
 * @param {'camera' | 'microphone'} kind
 * @param {boolean} on
 */
function show(button, kind, on) {
  setIcon(button, on ? kind : `${kind}-off`);
  setAttribute(button, 'aria-label', `Turn ${kind} ${on ? 'off' : 'on'}`);
  setAttribute(button, 'title', `Turn ${kind} ${on ? 'off' : 'on'}`);
  setAttribute(button, 'data-on', String(on));
}

customElements.define('hiroba-preview', Preview);
