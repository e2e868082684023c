import { Component } from '../component.js';
import { h, setAttribute, setText } from '../dom.js';
import { icon } from '../icons.js';
import { NAMELESS } from '../names.js';
import { list } from './news.js';

/** @typedef {import('/sdk/hiroba.js').Knock} Knock */

/**
 * @typedef {object} StatusState
 * @property {'connecting' | 'connected' | 'reconnecting' | 'lost' | 'rejoining' | 'knocking'} link
 * @property {string} reason why it was lost, in words or ''
 * @property {boolean} sharing our screen
 * @property {readonly string[]} away names of the others when all of them are away
 * @property {readonly Knock[]} knocks who waits to be let in; only told here to who can do it
 */

/** What each state says; nothing while all is well. */
const SAYS = {
  connecting: 'Connecting…',
  connected: '',
  reconnecting: 'Reconnecting…',
  lost: 'The server is gone.',
  rejoining: 'Joining again…',
  knocking: 'Asking to be let in…',
};

/** What is repaired within this time is not worth a word. */
const CALM_MS = 1000;

/**
 * Lines over the stage that say when something is not as usual, or asks for an
 * answer. Emits 'rejoin', 'stop-sharing', 'admit' and 'refuse' with peer ids,
 * and 'who' when somebody asks who waits.
 *
 * @extends {Component<StatusState>}
 */
export class Status extends Component {
  #text = h('span', { role: 'status' });
  #rejoin = h('button', { type: 'button', class: 'primary', 'data-testid': 'rejoin', onclick: () => this.emit('rejoin') }, 'Rejoin');
  #link = h('div', { class: 'line' }, h('span', { class: 'spinner', 'aria-hidden': 'true' }), icon('warning'), this.#text, this.#rejoin);
  #sharing = h('div', { class: 'line', 'data-testid': 'sharing' }, icon('screen'), h('span', { role: 'status' }, 'Everybody sees your screen'),
    h('button', { type: 'button', onclick: () => this.emit('stop-sharing') }, 'Stop'));
  #knocking = h('span', { role: 'status', class: 'who' });
  #refuse = h('button', { type: 'button', 'data-testid': 'refuse', onclick: () => this.#answer('refuse') }, 'Refuse');
  #who = h('button', { type: 'button', onclick: () => this.emit('who') }, 'Show');
  #admit = h('button', { type: 'button', class: 'primary', 'data-testid': 'admit', onclick: () => this.#answer('admit') });
  #knocks = h('div', { class: 'line', 'data-testid': 'knock', role: 'group', 'aria-label': 'Waiting to be let in' },
    icon('door'), this.#knocking, h('span', { class: 'answers' }, this.#refuse, this.#who, this.#admit));
  #timer = 0;
  #overdue = false;

  constructor() {
    super({ link: 'connecting', reason: '', sharing: false, away: [], knocks: [] });
  }

  /** @override */
  build() {
    this.setAttribute('data-testid', 'status');
    this.append(this.#link, this.#knocks, this.#sharing);
  }

  /** @override */
  disconnected() {
    clearTimeout(this.#timer);
    this.#timer = 0;
  }

  /** @override */
  render() {
    const { reason, sharing, away } = this.state;
    const link = this.#calm();
    setAttribute(this, 'data-state', link);
    let text = SAYS[link];
    if (link === 'lost') text = reason || `${SAYS.lost} Rejoin when it is back.`;
    else if (link === 'connected' && away.length > 0) text = `Waiting for ${list(away)} to come back…`;
    setText(this.#text, text);
    this.#link.hidden = !text;
    this.#rejoin.hidden = link !== 'lost';
    this.#sharing.hidden = !sharing || link === 'lost';
    this.#renderKnocks();
  }

  #renderKnocks() {
    const { knocks } = this.state;
    const several = knocks.length > 1;
    const names = knocks.map(({ name }) => name.trim() || NAMELESS);
    this.#knocks.hidden = knocks.length === 0;
    setText(this.#knocking, knocks.length > 0 ? `${list(names)} ${several ? 'want' : 'wants'} to come in` : '');
    this.#refuse.hidden = several;
    this.#who.hidden = !several;
    setText(this.#admit, several ? 'Admit all' : 'Admit');
    setAttribute(this.#refuse, 'aria-label', `Refuse ${names[0]}`);
    setAttribute(this.#admit, 'aria-label', several ? null : `Admit ${names[0]}`);
  }

  /** @param {'admit' | 'refuse'} answer */
  #answer(answer) {
    this.emit(answer, this.state.knocks.map(({ peer }) => peer));
  }

  /** The link's state, once it is worth telling. */
  #calm() {
    const { link } = this.state;
    if (link !== 'connecting' && link !== 'reconnecting') {
      clearTimeout(this.#timer);
      this.#timer = 0;
      this.#overdue = false;
      return link;
    }
    if (!this.#overdue && !this.#timer) {
      this.#timer = setTimeout(() => {
        this.#timer = 0;
        this.#overdue = true;
        this.changed();
      }, CALM_MS);
    }
    return this.#overdue ? link : 'connected';
  }
}

customElements.define('hiroba-status', Status);
