import { Component } from '../component.js';
import { h, setText } from '../dom.js';

/**
 * After the call. Emits 'rejoin' and 'home'.
 *
 * @extends {Component<{room: string, busy: boolean}>}
 */
export class Left extends Component {
  #title = h('h1');
  #rejoin = h('button', { type: 'button', class: 'primary', 'data-testid': 'rejoin', onclick: () => this.emit('rejoin') }, 'Rejoin');
  #home = h('button', { type: 'button', 'data-testid': 'home', onclick: () => this.emit('home') }, 'Home');

  constructor() {
    super({ room: '', busy: false });
  }

  /** @override */
  build() {
    this.setAttribute('data-testid', 'left');
    this.append(h('main', {}, this.#title, h('p', {}, 'Your camera and microphone are off.'), h('div', {}, this.#rejoin, this.#home)));
  }

  /** @override */
  connected() {
    this.#rejoin.focus();
  }

  /** @override */
  render() {
    const { room, busy } = this.state;
    setText(this.#title, `You left ${room}`);
    setText(this.#rejoin, busy ? 'Joining…' : 'Rejoin');
    this.#rejoin.setAttribute('aria-disabled', String(busy));
  }
}

customElements.define('hiroba-left', Left);
