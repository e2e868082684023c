import { Component } from '../component.js';
import { h, setText } from '../dom.js';
import { icon } from '../icons.js';
import { hue, initials } from '../names.js';
import { CopyLink } from './copy-link.js';

/**
 * @typedef {object} Person
 * @property {string} id
 * @property {string} name
 * @property {boolean} self
 * @property {boolean} microphone on
 * @property {boolean} camera on
 * @property {boolean} sharing a screen
 */

/**
 * Who is here. Emits 'write' with a peer id, and 'close'.
 *
 * @extends {Component<{people: readonly Person[], link: string}>}
 */
export class People extends Component {
  #title = h('h2');
  #list = h('ul', { class: 'scroll', 'data-testid': 'people' });
  #copy = new CopyLink('Copy invite link');
  #drawn = '';

  constructor() {
    super({ people: [], link: '' });
  }

  /** @override */
  build() {
    this.classList.add('panel');
    this.setAttribute('role', 'region');
    this.setAttribute('aria-label', 'People');
    this.append(
      h('div', { class: 'head' }, this.#title, h('button', { type: 'button', class: 'plain round', 'aria-label': 'Close people', title: 'Close (Esc)', onclick: () => this.emit('close') }, icon('close'))),
      this.#list,
      h('div', { class: 'foot' }, this.#copy),
    );
  }

  /** @override */
  render() {
    const { people, link } = this.state;
    setText(this.#title, `People (${people.length})`);
    this.#copy.state = { ...this.#copy.state, link };

    // Only a change is drawn: the focus must not be lost while one speaks.
    const now = JSON.stringify(people);
    if (now === this.#drawn) return;
    this.#drawn = now;
    const focused = this.#list.contains(document.activeElement) ? document.activeElement?.getAttribute('data-write') : null;
    this.#list.replaceChildren(...people.map((person) => this.#row(person)));
    if (focused) /** @type {HTMLElement | null} */ (this.#list.querySelector(`[data-write="${CSS.escape(focused)}"]`))?.focus();
  }

  /** @param {Person} person */
  #row(person) {
    const avatar = h('span', { class: 'avatar', 'aria-hidden': 'true' }, initials(person.name));
    avatar.style.setProperty('--hue', String(hue(person.name)));
    const row = h('li', { 'data-peer': person.id }, avatar, h('span', { class: 'name' }, person.self ? `${person.name} (you)` : person.name));
    if (!person.self) {
      row.append(h('button', {
        type: 'button', class: 'plain round write', 'data-write': person.id, 'aria-label': `Write to ${person.name}`, title: 'Write privately',
        onclick: () => this.emit('write', person.id),
      }, icon('chat')));
    }
    if (person.sharing) row.append(sign('screen', 'Shares a screen'));
    row.append(
      sign(person.camera ? 'camera' : 'camera-off', person.camera ? 'Camera on' : 'Camera off'),
      sign(person.microphone ? 'microphone' : 'microphone-off', person.microphone ? 'Microphone on' : 'Microphone off'),
    );
    return row;
  }
}

/**
 * @param {import('../icons.js').IconName} name
 * @param {string} label
 */
function sign(name, label) {
  return h('span', { class: 'sign', role: 'img', 'aria-label': label, title: label, 'data-off': name.endsWith('-off') }, icon(name));
}

customElements.define('hiroba-people', People);
