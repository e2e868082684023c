import { Component } from '../component.js';
import { h, setAttribute, setText } from '../dom.js';

/** @typedef {import('./endings.js').Ending} Ending */

/**
 * After the call. Emits 'rejoin' and 'home'.
 *
 * @extends {Component<{ending: Ending}>}
 */
export class Left extends Component {
  #title = h('h1');
  #text = h('p');
  #rejoin = h('button', { type: 'button', 'data-testid': 'rejoin', onclick: () => this.emit('rejoin') });
  #home = h('button', { type: 'button', 'data-testid': 'home', onclick: () => this.emit('home') }, 'Home');

  /** @param {Ending} ending */
  constructor(ending) {
    super({ ending });
  }

  /** @override */
  build() {
    this.setAttribute('data-testid', 'left');
    this.append(h('main', {}, this.#title, this.#text, h('p', {}, 'Your camera and microphone are off.'), h('div', {}, this.#rejoin, this.#home)));
  }

  /** @override */
  connected() {
    this.render();
    (this.state.ending.code === 'LEFT' ? this.#rejoin : this.#home).focus({ focusVisible: false });
  }

  /** @override */
  render() {
    const { code, title, text, again } = this.state.ending;
    setAttribute(this, 'data-ending', code);
    setText(this.#title, title);
    setText(this.#text, text);
    this.#text.hidden = !text;
    setText(this.#rejoin, again);
    this.#rejoin.hidden = !again;
    // Who left by mistake wants back; who was removed does not press that first.
    this.#rejoin.classList.toggle('primary', code === 'LEFT');
    this.#home.classList.toggle('primary', code !== 'LEFT');
  }
}

customElements.define('hiroba-left', Left);
