import { Component } from '../component.js';
import { h, setText } from '../dom.js';
import { icon } from '../icons.js';
import { DevicePicker } from '../devices/device-picker.js';
import { ConnectionTest } from '../reach/reach.js';
import { LevelMeter } from '../devices/level-meter.js';
import { NONE } from '../devices/local-media.js';
import { SHORTCUTS } from './bar.js';

/**
 * The devices of this call, how it is connected, and the keys, in a dialog.
 * Emits 'choose' with {choice, device}.
 *
 * @extends {Component<{media: import('../devices/local-media.js').OwnMedia, paths: import('./connection.js').Paths, invitation: {token: string, room: string}}>}
 */
export class Settings extends Component {
  #picker = new DevicePicker();
  #meter = new LevelMeter();
  #test = new ConnectionTest();
  #server = h('dd', { 'data-testid': 'transport' });
  #path = h('dd', { 'data-testid': 'topology' });
  #dialog = h('dialog', {
    'aria-labelledby': 'settings-title', 'data-testid': 'settings-dialog',
    onclose: () => this.#closed(),
    onclick: (event) => this.#clickedOutside(event),
  });

  constructor() {
    super({ media: NONE, paths: { server: '', media: '' }, invitation: { token: '', room: '' } });
  }

  /** @override */
  build() {
    this.#picker.addEventListener('choose', (event) => this.emit('choose', /** @type {CustomEvent} */ (event).detail));
    const keys = SHORTCUTS.map(({ key, does }) => h('div', {}, h('dt', {}, h('kbd', {}, key)), h('dd', {}, does)));
    this.#dialog.append(
      h('div', { class: 'head' }, h('h2', { id: 'settings-title' }, 'Devices'), h('button', { type: 'button', class: 'plain round', 'aria-label': 'Close', onclick: () => this.#dialog.close() }, icon('close'))),
      this.#picker,
      h('p', { class: 'level' }, 'You are heard like this', this.#meter),
      h('section', { class: 'paths' }, h('h2', {}, 'Connection'), h('dl', {},
        h('div', {}, h('dt', {}, 'Sound and picture'), this.#path), h('div', {}, h('dt', {}, 'To the server'), this.#server)), this.#test),
      h('section', { class: 'keys' }, h('h2', {}, 'Keys'), h('dl', {}, ...keys)),
    );
    this.append(this.#dialog);
  }

  /** @override */
  render() {
    const { media, paths, invitation } = this.state;
    this.#test.state = invitation;
    setText(this.#server, paths.server);
    setText(this.#path, paths.media);
    this.#picker.state = { media };
    this.#meter.state = { track: this.#dialog.open && media.microphone.wanted ? media.microphone.track : null };
  }

  /** Opens the dialog. */
  open() {
    this.#dialog.showModal();
    this.changed();
  }

  #closed() {
    this.#test.stop();
    this.changed();
  }

  /** @param {MouseEvent} event */
  #clickedOutside(event) {
    if (event.target === this.#dialog) this.#dialog.close();
  }
}

customElements.define('hiroba-settings', Settings);
