import { Component } from '../component.js';
import { h, setText } from '../dom.js';

/**
 * @typedef {object} Question
 * @property {string} title
 * @property {string} text
 * @property {string} action what is done, on the button that does it
 * @property {string} option something that can be done along with it; '' for nothing
 */

/**
 * Asks once more before something is done that cannot be undone.
 *
 * @extends {Component<Question>}
 */
export class Confirm extends Component {
  #title = h('h2', { id: 'confirm-title' });
  #text = h('p', { id: 'confirm-text' });
  #option = h('input', { type: 'checkbox' });
  #optionText = h('span');
  #choice = h('label', {}, this.#option, this.#optionText);
  #yes = h('button', { type: 'button', class: 'danger', 'data-testid': 'confirm', onclick: () => this.#dialog.close('yes') });
  #no = h('button', { type: 'button', autofocus: true, onclick: () => this.#dialog.close('') }, 'Cancel');
  #dialog = h('dialog', {
    role: 'alertdialog', 'aria-labelledby': 'confirm-title', 'aria-describedby': 'confirm-text', 'data-testid': 'confirm-dialog',
    onclose: () => this.#closed(),
  }, this.#title, this.#text, this.#choice, h('div', { class: 'answers' }, this.#no, this.#yes));
  #answer = (/** @type {{yes: boolean, option: boolean}} */ _) => {};

  constructor() {
    super({ title: '', text: '', action: '', option: '' });
  }

  /** @override */
  build() {
    this.append(this.#dialog);
  }

  /** @override */
  render() {
    const { title, text, action, option } = this.state;
    setText(this.#title, title);
    setText(this.#text, text);
    setText(this.#yes, action);
    setText(this.#optionText, option);
    this.#choice.hidden = !option;
  }

  /** @override */
  disconnected() {
    this.#answer({ yes: false, option: false });
  }

  /**
   * @param {Question} question
   * @returns {Promise<{yes: boolean, option: boolean}>} whether to do it, and whether with the option
   */
  ask(question) {
    this.#dialog.close('');
    this.state = question;
    this.render();
    this.#option.checked = false;
    this.#dialog.returnValue = '';
    this.#dialog.showModal();
    return new Promise((resolve) => {
      this.#answer = resolve;
    });
  }

  #closed() {
    this.#answer({ yes: this.#dialog.returnValue === 'yes', option: this.#option.checked });
  }
}

customElements.define('hiroba-confirm', Confirm);
