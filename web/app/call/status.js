import { Component } from '../component.js';
import { h, setAttribute, setText } from '../dom.js';
import { icon } from '../icons.js';

/**
 * @typedef {object} StatusState
 * @property {'connecting' | 'connected' | 'reconnecting' | 'lost' | 'rejoining'} link
 * @property {string} reason why it was lost, in the server's words or ''
 * @property {boolean} sharing our screen
 */

/** What each state says; nothing while all is well. */
const SAYS = {
  connecting: 'Connecting…',
  connected: '',
  reconnecting: 'The connection broke. Reconnecting…',
  lost: 'The server is gone.',
  rejoining: 'Joining again…',
};

/**
 * One line over the stage that says when something is not as usual. Emits
 * 'rejoin' and 'stop-sharing'.
 *
 * @extends {Component<StatusState>}
 */
export class Status extends Component {
  #text = h('span', { role: 'status' });
  #rejoin = h('button', { type: 'button', class: 'primary', 'data-testid': 'rejoin', onclick: () => this.emit('rejoin') }, 'Rejoin');
  #link = h('div', { class: 'line' }, h('span', { class: 'spinner', 'aria-hidden': 'true' }), icon('warning'), this.#text, this.#rejoin);
  #sharing = h('div', { class: 'line', 'data-testid': 'sharing' }, icon('screen'), h('span', { role: 'status' }, 'Everybody sees your screen'),
    h('button', { type: 'button', onclick: () => this.emit('stop-sharing') }, 'Stop'));

  constructor() {
    super({ link: 'connecting', reason: '', sharing: false });
  }

  /** @override */
  build() {
    this.setAttribute('data-testid', 'status');
    this.append(this.#link, this.#sharing);
  }

  /** @override */
  render() {
    const { link, reason, sharing } = this.state;
    setAttribute(this, 'data-state', link);
    const text = link === 'lost' ? reason || `${SAYS.lost} Rejoin when it is back.` : SAYS[link];
    setText(this.#text, text);
    this.#link.hidden = !text;
    this.#rejoin.hidden = link !== 'lost';
    this.#sharing.hidden = !sharing || link === 'lost';
  }
}

customElements.define('hiroba-status', Status);
