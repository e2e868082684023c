import { Component } from '../component.js';
import { h, setText } from '../dom.js';
import { roomName } from '../names.js';
import { DevicePicker } from '../devices/device-picker.js';
import { NONE } from '../devices/local-media.js';
import { Preview } from './preview.js';

/**
 * @typedef {object} LobbyState
 * @property {import('../devices/local-media.js').OwnMedia} media
 * @property {string} name
 * @property {string} room
 * @property {boolean} invited the room came with the link
 * @property {boolean} busy joining
 * @property {string} problem why joining did not work, '' if it was not tried
 */

/**
 * The room before the room: how do I look, am I heard, what am I called.
 * Emits 'join' with {name, room}, and the events of its preview and device
 * picker: 'turn', 'retry', 'choose'.
 *
 * @extends {Component<LobbyState>}
 */
export class Lobby extends Component {
  #preview = new Preview();
  #picker = new DevicePicker();
  #title = h('h1');
  #name = h('input', {
    id: 'lobby-name', 'data-testid': 'name', autocomplete: 'nickname', maxlength: 64, placeholder: 'What others see',
    oninput: () => this.#showName(),
  });
  #room = h('input', {
    id: 'lobby-room', 'data-testid': 'room', autocomplete: 'off', autocapitalize: 'none', spellcheck: 'false', maxlength: 64,
    required: true, onchange: () => this.#tidyRoom(),
  });
  #join = h('button', { class: 'primary', 'data-testid': 'join' });
  #without = h('p', { class: 'without', 'aria-live': 'polite' });
  #problem = h('p', { class: 'failed', role: 'alert', 'data-testid': 'join-problem' });

  constructor() {
    super({ media: NONE, name: '', room: '', invited: false, busy: false, problem: '' });
  }

  /** @override */
  build() {
    for (const type of ['turn', 'retry']) this.#preview.addEventListener(type, (event) => this.#passOn(event));
    this.#picker.addEventListener('choose', (event) => this.#passOn(event));
    this.#name.value = this.state.name;
    this.#room.value = this.state.room;

    const form = h('form', { onsubmit: (event) => this.#submit(event) },
      this.#title,
      field('Your name', this.#name),
      field('Room', this.#room),
      this.#join,
      this.#problem,
      this.#without,
    );
    this.append(
      h('header', {}, h('img', { src: '/app/icon.svg', alt: '', width: 32, height: 32 }), 'Hiroba'),
      h('main', {}, h('section', { 'aria-label': 'Camera and microphone' }, this.#preview, this.#picker), form),
    );
  }

  /** @override */
  connected() {
    // On a phone the keyboard would cover the picture: wait for a tap there.
    if (matchMedia('(pointer: coarse)').matches) return;
    if (this.state.name) this.#join.focus({ focusVisible: false });
    else this.#name.focus();
  }

  /** @override */
  render() {
    const { media, invited, room, busy, problem } = this.state;
    setText(this.#title, invited ? `Join ${room}` : 'Start a call');
    const group = /** @type {HTMLElement} */ (this.#room.parentElement);
    group.hidden = invited;
    this.#showName();
    this.#picker.state = { media };

    setText(this.#join, busy ? 'Joining…' : 'Join');
    this.#join.setAttribute('aria-disabled', String(busy));
    setText(this.#problem, problem);
    this.#problem.hidden = !problem;
    setText(this.#without, without(media));
  }

  #showName() {
    this.#preview.state = { media: this.state.media, name: this.#name.value.trim() };
  }

  #tidyRoom() {
    this.#room.value = roomName(this.#room.value);
  }

  /** @param {Event} event */
  #submit(event) {
    event.preventDefault();
    if (this.state.busy) return;
    this.#tidyRoom();
    if (!this.#room.value) {
      this.#room.setCustomValidity('Use letters, digits, "-", "_" or ".".');
      this.#room.reportValidity();
      this.#room.setCustomValidity('');
      return;
    }
    this.emit('join', { name: this.#name.value.trim(), room: this.#room.value });
  }

  /** @param {Event} event */
  #passOn(event) {
    this.emit(event.type, /** @type {CustomEvent} */ (event).detail);
  }
}

/**
 * @param {string} label
 * @param {HTMLInputElement} input
 */
function field(label, input) {
  return h('div', { class: 'field' }, h('label', { for: input.id }, label), input);
}

/**
 * What the others will not get, said before going in.
 *
 * @param {import('../devices/local-media.js').OwnMedia} media
 */
function without({ camera, microphone }) {
  const seen = camera.wanted && !camera.problem;
  const heard = microphone.wanted && !microphone.problem;
  if (seen && heard) return '';
  if (heard) return 'You join without a picture.';
  if (seen) return 'You join muted.';
  return 'You join muted and without a picture.';
}

customElements.define('hiroba-lobby', Lobby);
