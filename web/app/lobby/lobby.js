import { Component } from '../component.js';
import { h, setAttribute, setText } from '../dom.js';
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
 * @property {string} nameGiven what the invitation calls us; '' leaves it to us
 * @property {(source: 'camera' | 'microphone') => boolean} allows whether we may send this
 * @property {'idle' | 'joining' | 'waiting'} step waiting: somebody has to let us in
 * @property {import('../refusals.js').Refusal | null} refusal why joining did not work
 */

/**
 * The room before the room: how do I look, am I heard, what am I called.
 * While somebody has to let us in, one waits here. Emits 'join' with {name,
 * room}, 'cancel', and the events of its preview and device picker: 'turn',
 * 'retry', 'choose'.
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
  #given = h('p', { class: 'hint' }, 'Your name comes with your invitation.');
  #without = h('p', { class: 'without', 'aria-live': 'polite' });
  #what = h('strong');
  #next = h('span');
  #refusal = h('p', { class: 'refusal', role: 'alert', 'data-testid': 'join-problem' }, this.#what, this.#next);
  #form = h('form', { onsubmit: (event) => this.#submit(event) });
  #asking = h('h1', { tabindex: -1 }, 'Asking to be let in…');
  #askingWhat = h('p');
  #cancel = h('button', { type: 'button', 'data-testid': 'cancel', onclick: () => this.emit('cancel') }, 'Cancel');
  #waiting = h('div', { class: 'waiting', role: 'status', 'data-testid': 'waiting' },
    h('span', { class: 'spinner', 'aria-hidden': 'true' }), this.#asking, this.#askingWhat, this.#cancel);

  constructor() {
    super({ media: NONE, name: '', room: '', invited: false, nameGiven: '', allows: () => true, step: 'idle', refusal: null });
  }

  /** @override */
  build() {
    for (const type of ['turn', 'retry']) this.#preview.addEventListener(type, (event) => this.#passOn(event));
    this.#picker.addEventListener('choose', (event) => this.#passOn(event));
    this.#name.value = this.state.name;
    this.#waiting.hidden = true;
    this.#room.value = this.state.room;

    const name = field('Your name', this.#name);
    name.append(this.#given);
    this.#form.append(this.#title, name, field('Room', this.#room), this.#join, this.#refusal, this.#without);
    this.append(
      h('header', {}, h('img', { src: '/app/icon.svg', alt: '', width: 32, height: 32 }), 'Hiroba'),
      h('main', {}, h('section', { 'aria-label': 'Camera and microphone' }, this.#preview, this.#picker), this.#form, this.#waiting),
    );
  }

  /** @override */
  connected() {
    // On a phone the keyboard would cover the picture: wait for a tap there.
    if (matchMedia('(pointer: coarse)').matches) return;
    if (this.state.name || this.state.nameGiven) this.#join.focus({ focusVisible: false });
    else this.#name.focus();
  }

  /** @override */
  render() {
    const { media, invited, room, nameGiven, allows, step, refusal } = this.state;
    setText(this.#title, invited ? `Join ${room}` : 'Start a call');
    const group = /** @type {HTMLElement} */ (this.#room.parentElement);
    group.hidden = invited;
    if (nameGiven) this.#name.value = nameGiven;
    this.#name.readOnly = nameGiven !== '';
    this.#given.hidden = !nameGiven;
    this.#showName();
    this.#picker.state = { media };

    setText(this.#join, step === 'joining' ? 'Joining…' : 'Join');
    this.#join.setAttribute('aria-disabled', String(step !== 'idle'));
    setText(this.#what, refusal?.what ?? '');
    setText(this.#next, refusal?.next ?? '');
    setAttribute(this.#refusal, 'data-code', refusal?.code ?? null);
    this.#refusal.hidden = !refusal;
    setText(this.#without, without(media, allows));
    this.#renderWaiting(step === 'waiting');
  }

  /** @param {boolean} waiting */
  #renderWaiting(waiting) {
    const before = !this.#waiting.hidden;
    setText(this.#askingWhat, `Those in ${this.#room.value} see that you are here. Stay on this page: you go in as soon as they let you.`);
    this.#form.hidden = waiting;
    this.#waiting.hidden = !waiting;
    // What was focused is gone.
    if (waiting && !before) this.#cancel.focus({ focusVisible: false });
    if (!waiting && before) this.#join.focus({ focusVisible: false });
  }

  #showName() {
    const { media, allows } = this.state;
    this.#preview.state = { media, allows, name: this.#name.value.trim() };
  }

  #tidyRoom() {
    this.#room.value = roomName(this.#room.value);
  }

  /** @param {Event} event */
  #submit(event) {
    event.preventDefault();
    if (this.state.step !== 'idle') return;
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
 * @param {LobbyState['allows']} allows
 */
function without({ camera, microphone }, allows) {
  if (!allows('camera') && !allows('microphone')) return 'Your invitation lets you watch and listen.';
  const seen = camera.wanted && !camera.problem;
  const heard = microphone.wanted && !microphone.problem;
  if (seen && heard) return '';
  if (heard) return 'You join without a picture.';
  if (seen) return 'You join muted.';
  return 'You join muted and without a picture.';
}

customElements.define('hiroba-lobby', Lobby);
