import { Component } from '../component.js';
import { h } from '../dom.js';
import { icon } from '../icons.js';

/**
 * @typedef {object} MenuItem
 * @property {string} id
 * @property {string} label
 * @property {import('../icons.js').IconName} icon
 * @property {boolean} [on] it is a switch, and this is how it stands
 * @property {boolean} [danger] it cannot be undone, or not soon
 */

/** Between the button and the menu, and from there to the edge of the window, in pixels. */
const GAP = 4;
const EDGE = 8;

/**
 * A menu that opens beside a button, over everything. Emits 'choose' with the
 * id of an item. Arrow keys move, Escape closes.
 *
 * @extends {Component<{label: string, items: readonly MenuItem[]}>}
 */
export class Menu extends Component {
  #drawn = '';
  /** Where it was opened. @type {HTMLButtonElement | null} */
  #button = null;

  constructor() {
    super({ label: '', items: [] });
  }

  get open() {
    return this.matches(':popover-open');
  }

  /** @override */
  build() {
    this.setAttribute('role', 'menu');
    this.setAttribute('popover', 'auto');
    this.addEventListener('keydown', (event) => this.#key(event));
    this.addEventListener('toggle', () => this.#button?.setAttribute('aria-expanded', String(this.open)));
  }

  /** @override */
  render() {
    const { label, items } = this.state;
    const now = JSON.stringify(this.state);
    if (now === this.#drawn) return;
    this.#drawn = now;
    const focused = this.#items().indexOf(/** @type {HTMLElement} */ (document.activeElement));
    this.setAttribute('aria-label', label);
    this.replaceChildren(...items.map((item) => this.#row(item)));
    // What was about to be pressed may have moved: the focus goes to the top.
    if (focused >= 0) this.#items()[0]?.focus();
  }

  /**
   * Opens from a button.
   *
   * @param {HTMLButtonElement} button
   * @param {boolean} [again] it takes the place of the one that it is open at
   */
  serve(button, again = false) {
    button.setAttribute('aria-haspopup', 'menu');
    button.setAttribute('aria-expanded', String(again && this.open));
    // A click on it is none outside of the menu.
    button.popoverTargetElement = this;
    button.addEventListener('click', (event) => {
      event.preventDefault();
      this.#toggle(button);
    });
    if (again && this.open) this.#button = button;
  }

  close() {
    if (this.open) this.hidePopover();
  }

  /** @param {HTMLButtonElement} button */
  #toggle(button) {
    if (this.open && this.#button === button) return this.close();
    this.#button?.setAttribute('aria-expanded', 'false');
    this.#button = button;
    this.render();
    if (!this.open) this.showPopover();
    button.setAttribute('aria-expanded', 'true');
    this.#place(button.getBoundingClientRect());
    this.#items()[0]?.focus({ focusVisible: button.matches(':focus-visible') });
  }

  /** @param {MenuItem} item */
  #row({ id, label, icon: name, on, danger }) {
    const row = h('button', {
      type: 'button', role: on === undefined ? 'menuitem' : 'menuitemcheckbox', tabindex: -1, 'data-item': id, 'data-danger': danger === true,
      onclick: () => {
        this.#leave();
        this.emit('choose', id);
      },
    }, icon(name), h('span', {}, label));
    if (on !== undefined) row.setAttribute('aria-checked', String(on));
    return row;
  }

  /** Closes, with the focus where it came from. */
  #leave() {
    this.close();
    this.#button?.focus({ focusVisible: false });
  }

  /** @returns {HTMLElement[]} */
  #items() {
    return [...this.querySelectorAll('button')];
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    const items = this.#items();
    const at = items.indexOf(/** @type {HTMLElement} */ (document.activeElement));
    const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: -1 }[event.key];
    if (to !== undefined) items.at(to % items.length)?.focus();
    else if (event.key === 'Escape' || event.key === 'Tab') this.#leave();
    else return;
    event.preventDefault();
  }

  /**
   * Below the button and flush with its right edge, or above where there is no
   * room below.
   *
   * @param {DOMRect} button
   */
  #place(button) {
    const { offsetWidth, offsetHeight } = this;
    const below = button.bottom + GAP;
    const top = below + offsetHeight + EDGE <= innerHeight ? below : button.top - GAP - offsetHeight;
    this.style.top = `${Math.max(EDGE, top)}px`;
    this.style.left = `${Math.min(Math.max(EDGE, button.right - offsetWidth), innerWidth - EDGE - offsetWidth)}px`;
  }
}

customElements.define('hiroba-menu', Menu);
