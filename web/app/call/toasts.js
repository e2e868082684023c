import { Component } from '../component.js';
import { h } from '../dom.js';

/**
 * @typedef {object} Toast
 * @property {number} number counts up
 * @property {string} text
 * @property {string} [action] what a click on it does, as a label
 * @property {boolean} [stays] until it is acted on
 * @property {string} [about] the next one about the same takes its place
 */

const STAY_MS = 4500;

/**
 * Short news that go away by themselves. Emits 'act' and 'gone', both with
 * the toast's number.
 *
 * @extends {Component<{toasts: readonly Toast[]}>}
 */
export class Toasts extends Component {
  /** @type {Map<number, {element: HTMLElement, timer: number}>} */
  #drawn = new Map();

  constructor() {
    super({ toasts: [] });
  }

  /** @override */
  build() {
    this.setAttribute('role', 'status');
    this.setAttribute('aria-live', 'polite');
    this.setAttribute('data-testid', 'toasts');
  }

  /** @override */
  render() {
    const { toasts } = this.state;
    for (const [number, { element, timer }] of this.#drawn) {
      if (toasts.some((toast) => toast.number === number)) continue;
      clearTimeout(timer);
      element.remove();
      this.#drawn.delete(number);
    }
    for (const toast of toasts) if (!this.#drawn.has(toast.number)) this.#draw(toast);
  }

  /** @override */
  disconnected() {
    for (const { timer } of this.#drawn.values()) clearTimeout(timer);
  }

  /** @param {Toast} toast */
  #draw({ number, text, action, stays }) {
    const element = h('div', { class: 'toast' }, h('span', { class: 'text' }, text));
    if (action) element.append(h('button', { type: 'button', onclick: () => this.emit('act', number) }, action));
    const timer = stays ? 0 : setTimeout(() => this.emit('gone', number), STAY_MS);
    this.#drawn.set(number, { element, timer });
    this.append(element);
  }
}

customElements.define('hiroba-toasts', Toasts);
