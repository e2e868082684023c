import { Component } from '../component.js';
import { h, setAttribute, setText } from '../dom.js';
import { icon } from '../icons.js';
import { hue, initials, NAMELESS } from '../names.js';
import { CopyLink } from './copy-link.js';
import { Menu } from './menu.js';
import { menuFor, menuForRoom } from './rights.js';

/** @typedef {import('/sdk/hiroba.js').Knock} Knock */

/**
 * @typedef {object} Person
 * @property {string} id
 * @property {string} name
 * @property {boolean} self
 * @property {boolean} microphone on
 * @property {boolean} camera on
 * @property {boolean} sharing a screen
 * @property {boolean} moderator
 * @property {boolean} away their connection is lost; they may come back
 */

/**
 * @typedef {object} PeopleState
 * @property {readonly Person[]} people
 * @property {boolean} moderating we may moderate
 * @property {Pick<import('/sdk/hiroba.js').RoomSettings, 'locked' | 'lobby'>} room
 * @property {readonly Knock[]} knocks who waits to be let in
 * @property {string} link
 */

/**
 * Who is here, and who waits to come in. Emits 'write' with a peer id, 'close',
 * and for moderators 'admit' and 'refuse' with peer ids, 'person' with {id,
 * who} of menuFor() and 'room' with an id of menuForRoom().
 *
 * @extends {Component<PeopleState>}
 */
export class People extends Component {
  #title = h('h2');
  #manage = h('button', {
    type: 'button', class: 'plain round', 'aria-label': 'Room controls', title: 'Room controls', 'data-testid': 'room-menu',
  }, icon('shield'));
  #roomMenu = new Menu();
  #personMenu = new Menu();
  /** Whom the menu is for: a peer id. */
  #who = '';
  #door = h('p', { class: 'door' });
  #waiting = h('h3', { id: 'people-waiting' });
  #admitAll = h('button', { type: 'button', 'data-testid': 'admit-all', onclick: () => this.emit('admit', this.state.knocks.map(({ peer }) => peer)) }, 'Admit all');
  #knocks = h('ul', { 'data-testid': 'knocks', 'aria-labelledby': 'people-waiting' });
  #list = h('ul', { 'data-testid': 'people' });
  #copy = new CopyLink('Copy invite link');
  #drawnPeople = '';
  #drawnKnocks = '';

  constructor() {
    super({ people: [], moderating: false, room: { locked: false, lobby: false }, knocks: [], link: '' });
  }

  /** @override */
  build() {
    this.classList.add('panel');
    this.setAttribute('role', 'region');
    this.setAttribute('aria-label', 'People');
    this.#roomMenu.serve(this.#manage);
    this.#roomMenu.addEventListener('choose', (event) => this.emit('room', detail(event)));
    this.#personMenu.addEventListener('choose', (event) => this.#chosen(detail(event)));
    this.append(
      h('div', { class: 'head' }, this.#title, this.#manage,
        h('button', { type: 'button', class: 'plain round', 'aria-label': 'Close people', title: 'Close (Esc)', onclick: () => this.emit('close') }, icon('close'))),
      h('div', { class: 'scroll' }, this.#door,
        h('div', { class: 'waiting' }, this.#waiting, this.#admitAll), this.#knocks,
        this.#list),
      h('div', { class: 'foot' }, this.#copy),
      this.#roomMenu, this.#personMenu,
    );
  }

  /** @override */
  render() {
    const { people, moderating, room, knocks, link } = this.state;
    setText(this.#title, `People (${people.length})`);
    this.#copy.state = { ...this.#copy.state, link };
    this.#manage.hidden = !moderating;
    this.#roomMenu.state = { label: 'Room controls', items: menuForRoom(room) };
    if (!moderating) this.#roomMenu.close();
    setText(this.#door, doorSign(room));
    setAttribute(this.#door, 'data-locked', room.locked ? '' : null);
    this.#renderKnocks(knocks);
    this.#renderPeople(people, moderating);
    this.#followMenu();
  }

  /** @param {readonly Knock[]} knocks */
  #renderKnocks(knocks) {
    const parent = /** @type {HTMLElement} */ (this.#waiting.parentElement);
    parent.hidden = knocks.length === 0;
    this.#knocks.hidden = knocks.length === 0;
    this.#admitAll.hidden = knocks.length < 2;
    setText(this.#waiting, `Waiting (${knocks.length})`);
    const now = JSON.stringify(knocks);
    if (now === this.#drawnKnocks) return;
    this.#drawnKnocks = now;
    redraw(this.#knocks, knocks.map(knockRow((answer, peer) => this.emit(answer, [peer]))));
  }

  /**
   * Only a change is drawn: the focus must not be lost while one speaks.
   *
   * @param {readonly Person[]} people
   * @param {boolean} moderating
   */
  #renderPeople(people, moderating) {
    const now = JSON.stringify([people, moderating]);
    if (now === this.#drawnPeople) return;
    this.#drawnPeople = now;
    redraw(this.#list, people.map((person) => this.#row(person, moderating)));
  }

  /**
   * @param {Person} person
   * @param {boolean} moderating
   */
  #row(person, moderating) {
    const row = h('li', { 'data-peer': person.id, 'data-away': person.away }, avatar(person.name),
      h('span', { class: 'name', title: person.name }, person.self ? `${person.name} (you)` : person.name));
    if (person.moderator) row.append(sign('shield', 'Moderator'));
    if (person.away) row.append(h('span', { class: 'away' }, 'Reconnecting…'));
    else row.append(...signs(person));
    const button = this.#buttonFor(person, moderating);
    if (button) row.append(button);
    // What stands below each other elsewhere does so here, too.
    else if (this.state.people.length > 1) row.append(h('span', { class: 'act' }));
    return row;
  }

  /**
   * What can be done with somebody: a menu for moderators, or just to write.
   *
   * @param {Person} person
   * @param {boolean} moderating
   */
  #buttonFor({ id, name, self, away }, moderating) {
    if (self) return null;
    const common = { type: 'button', class: 'plain round act', 'data-key': id };
    if (moderating) {
      const button = h('button', {
        ...common, 'aria-label': `What to do with ${name}`, title: 'More', 'data-testid': 'person-menu', onclick: () => this.#menuIsFor(id),
      }, icon('more'));
      this.#personMenu.serve(button, id === this.#who);
      return button;
    }
    if (away) return null;
    return h('button', { ...common, 'aria-label': `Write to ${name}`, title: 'Write privately', onclick: () => this.emit('write', id) }, icon('chat'));
  }

  /** @param {string} who */
  #menuIsFor(who) {
    this.#who = who;
    this.#followMenu();
  }

  /** The menu shows what can be done with its person now. */
  #followMenu() {
    const person = this.state.moderating && this.state.people.find(({ id }) => id === this.#who);
    if (!person) return this.#personMenu.close();
    this.#personMenu.state = { label: person.name, items: menuFor(person) };
  }

  /** @param {string} id */
  #chosen(id) {
    if (id === 'write') this.emit('write', this.#who);
    else this.emit('person', { id, who: this.#who });
  }
}

/** @param {PeopleState['room']} room */
function doorSign({ locked, lobby }) {
  if (locked) return 'Locked: nobody else can come in.';
  return lobby ? 'Newcomers wait until a moderator lets them in.' : '';
}

/** @param {(answer: 'admit' | 'refuse', peer: string) => void} answered */
function knockRow(answered) {
  return (/** @type {Knock} */ { peer, name: given, user }) => {
    const name = given.trim() || NAMELESS;
    const who = h('span', { class: 'name' }, name);
    if (user && user !== name) who.append(h('small', {}, user));
    return h('li', { 'data-peer': peer }, avatar(name), who,
      h('button', { type: 'button', class: 'plain', 'data-key': `refuse ${peer}`, 'aria-label': `Refuse ${name}`, onclick: () => answered('refuse', peer) }, 'Refuse'),
      h('button', { type: 'button', class: 'primary', 'data-key': `admit ${peer}`, 'aria-label': `Admit ${name}`, onclick: () => answered('admit', peer) }, 'Admit'));
  };
}

/**
 * Puts new rows in the place of the old ones; the focus stays on the same button.
 *
 * @param {HTMLElement} list
 * @param {HTMLElement[]} rows
 */
function redraw(list, rows) {
  const focused = list.contains(document.activeElement) ? document.activeElement?.getAttribute('data-key') : null;
  list.replaceChildren(...rows);
  if (focused) /** @type {HTMLElement | null} */ (list.querySelector(`[data-key="${CSS.escape(focused)}"]`))?.focus();
}

/** @param {string} name */
function avatar(name) {
  const element = h('span', { class: 'avatar', 'aria-hidden': 'true' }, initials(name));
  element.style.setProperty('--hue', String(hue(name)));
  return element;
}

/** @param {Person} person */
function signs({ sharing, camera, microphone }) {
  return [
    ...(sharing ? [sign('screen', 'Shares a screen')] : []),
    sign(camera ? 'camera' : 'camera-off', camera ? 'Camera on' : 'Camera off'),
    sign(microphone ? 'microphone' : 'microphone-off', microphone ? 'Microphone on' : 'Microphone off'),
  ];
}

/**
 * @param {import('../icons.js').IconName} name
 * @param {string} label
 */
function sign(name, label) {
  return h('span', { class: 'sign', role: 'img', 'aria-label': label, title: label, 'data-off': name.endsWith('-off') }, icon(name));
}

/** @param {Event} event */
function detail(event) {
  return /** @type {CustomEvent} */ (event).detail;
}

customElements.define('hiroba-people', People);
