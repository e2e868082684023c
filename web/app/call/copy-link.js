import { Component } from '../component.js';
import { h, setText } from '../dom.js';
import { setIcon } from '../icons.js';

/** How long it says that the link was copied. */
const SAID_MS = 2000;

/**
 * A button that copies the room's link.
 *
 * @extends {Component<{link: string, label: string}>}
 */
export class CopyLink extends Component {
  #text = h('span', { 'aria-live': 'polite' });
  #button = h('button', { type: 'button', 'data-testid': 'copy-link', onclick: () => this.#copy() }, this.#text);
  #said = '';
  #timer = 0;

  /** @param {string} label */
  constructor(label) {
    super({ link: '', label });
  }

  /** @override */
  build() {
    this.append(this.#button);
  }

  /** @override */
  disconnected() {
    clearTimeout(this.#timer);
    this.#said = '';
  }

  /** @override */
  render() {
    setIcon(this.#button, this.#said === 'Copied' ? 'check' : 'link');
    setText(this.#text, this.#said || this.state.label);
  }

  async #copy() {
    try {
      // Pages over plain http have no clipboard.
      await navigator.clipboard.writeText(this.state.link);
      this.#say('Copied');
    } catch {
      prompt('Copy this link:', this.state.link);
    }
  }

  /** @param {string} text */
  #say(text) {
    this.#said = text;
    this.changed();
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.#said = '';
      this.changed();
    }, SAID_MS);
  }
}

customElements.define('hiroba-copy-link', CopyLink);
