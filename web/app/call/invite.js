import { Component } from '../component.js';
import { h, setText } from '../dom.js';
import { CopyLink } from './copy-link.js';

/**
 * For somebody who is alone: the link to send to others.
 *
 * @extends {Component<{link: string}>}
 */
export class Invite extends Component {
  #link = h('p', { class: 'address' });
  #copy = new CopyLink('Copy link');

  constructor() {
    super({ link: '' });
  }

  /** @override */
  build() {
    this.setAttribute('data-testid', 'invite');
    this.append(h('h2', {}, 'Nobody else is here yet'), h('p', {}, 'Send this link to those you want to talk to.'), this.#link, this.#copy);
  }

  /** @override */
  render() {
    setText(this.#link, this.state.link.replace(/^https?:\/\//u, ''));
    this.#copy.state = { ...this.#copy.state, link: this.state.link };
  }
}

customElements.define('hiroba-invite', Invite);
