import { Component } from '../component.js';
import { h, setAttribute, setText } from '../dom.js';
import { icon, setIcon } from '../icons.js';

/** @typedef {import('../icons.js').IconName} IconName */

/**
 * @typedef {object} BarState
 * @property {boolean} microphone on
 * @property {boolean} camera on
 * @property {boolean} sharing
 * @property {(source: 'microphone' | 'camera' | 'screen') => boolean} allows whether we can send this here
 * @property {'chat' | 'people' | null} panel the one that is open
 * @property {number} unread messages
 * @property {number} people in the room
 */

/**
 * One control of the bar: what it is called, its key, its event.
 *
 * @typedef {object} Control
 * @property {string} id
 * @property {IconName} icon
 * @property {string} event
 * @property {string} [key]
 */

/** @type {Control[]} */
const CONTROLS = [
  { id: 'mic', icon: 'microphone', event: 'microphone', key: 'm' },
  { id: 'camera', icon: 'camera', event: 'camera', key: 'v' },
  { id: 'share', icon: 'screen', event: 'share', key: 's' },
  { id: 'chat-toggle', icon: 'chat', event: 'chat', key: 'c' },
  { id: 'people-toggle', icon: 'people', event: 'people', key: 'p' },
  { id: 'settings', icon: 'settings', event: 'settings' },
  { id: 'leave', icon: 'leave', event: 'leave' },
];

/** What the controls send. @type {readonly (readonly [id: string, source: 'microphone' | 'camera' | 'screen'])[]} */
const SOURCES = [['mic', 'microphone'], ['camera', 'camera'], ['share', 'screen']];

/** The keys, for whoever lists them. @type {{key: string, does: string}[]} */
export const SHORTCUTS = [
  { key: 'm', does: 'Microphone on or off' },
  { key: 'v', does: 'Camera on or off' },
  { key: 's', does: 'Share your screen, or stop' },
  { key: 'c', does: 'Chat' },
  { key: 'p', does: 'People' },
  { key: 'Esc', does: 'Close what is open' },
];

/**
 * The controls of a call. Emits 'microphone', 'camera', 'share', 'chat',
 * 'people', 'settings' and 'leave'; the keys do the same while nobody types.
 *
 * @extends {Component<BarState>}
 */
export class Bar extends Component {
  /** @type {Map<string, HTMLButtonElement>} */
  #buttons = new Map();
  #unread = h('span', { class: 'badge', 'aria-hidden': 'true', 'data-testid': 'unread' });
  #people = h('span', { class: 'count', 'aria-hidden': 'true' });

  constructor() {
    super({ microphone: false, camera: false, sharing: false, allows: () => true, panel: null, unread: 0, people: 1 });
  }

  /** @override */
  build() {
    this.setAttribute('role', 'toolbar');
    this.setAttribute('aria-label', 'Call controls');
    for (const control of CONTROLS) {
      const button = h('button', { type: 'button', 'data-testid': control.id, onclick: () => this.emit(control.event) }, icon(control.icon));
      if (control.key) button.setAttribute('aria-keyshortcuts', control.key);
      this.#buttons.set(control.id, button);
      this.append(button);
    }
    this.#buttons.get('chat-toggle')?.append(this.#unread);
    this.#buttons.get('people-toggle')?.append(this.#people);
  }

  /** @override */
  connected() {
    document.addEventListener('keydown', (event) => this.#key(event), { signal: this.life });
  }

  /** @override */
  render() {
    const { microphone, camera, sharing, allows, panel, unread, people } = this.state;
    this.#show('mic', `Turn microphone ${microphone ? 'off' : 'on'}`, microphone ? 'microphone' : 'microphone-off', microphone ? null : 'off');
    this.#show('camera', `Turn camera ${camera ? 'off' : 'on'}`, camera ? 'camera' : 'camera-off', camera ? null : 'off');
    this.#show('share', sharing ? 'Stop sharing' : 'Share screen', 'screen', sharing ? 'active' : null);
    this.#show('chat-toggle', unread > 0 ? `Chat, ${unread} unread` : 'Chat', 'chat', panel === 'chat' ? 'active' : null);
    this.#show('people-toggle', `People, ${people} here`, 'people', panel === 'people' ? 'active' : null);
    this.#show('settings', 'Devices and shortcuts', 'settings', null);
    this.#show('leave', 'Leave', 'leave', null);

    for (const [id, source] of SOURCES) {
      const button = this.#buttons.get(id);
      if (button) button.hidden = !allows(source);
    }
    for (const which of /** @type {const} */ (['chat', 'people'])) {
      this.#buttons.get(`${which}-toggle`)?.setAttribute('aria-expanded', String(panel === which));
    }
    this.#unread.hidden = unread === 0;
    setText(this.#unread, unread > 99 ? '99+' : String(unread));
    this.#people.hidden = people < 2;
    setText(this.#people, String(people));
  }

  /**
   * @param {string} id
   * @param {string} label
   * @param {IconName} iconName
   * @param {'off' | 'active' | null} mode
   */
  #show(id, label, iconName, mode) {
    const button = this.#buttons.get(id);
    if (!button) return;
    const key = CONTROLS.find((control) => control.id === id)?.key;
    setIcon(button, iconName);
    setAttribute(button, 'aria-label', label);
    setAttribute(button, 'data-tip', key ? `${label} (${key})` : label);
    setAttribute(button, 'data-mode', mode);
  }

  /**
   * Puts the focus back where a panel was opened from.
   *
   * @param {'chat' | 'people'} panel
   */
  focusToggle(panel) {
    this.#buttons.get(`${panel}-toggle`)?.focus({ focusVisible: false });
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    if (event.defaultPrevented || event.repeat || event.ctrlKey || event.metaKey || event.altKey) return;
    if (typing(event.target) || document.querySelector('dialog[open]')) return;
    const control = CONTROLS.find(({ key }) => key === event.key.toLowerCase());
    if (!control || this.#buttons.get(control.id)?.hidden) return;
    event.preventDefault();
    this.emit(control.event);
  }
}

/** @param {EventTarget | null} target */
function typing(target) {
  return target instanceof HTMLElement && (target.isContentEditable || target.matches('input, textarea, select'));
}

customElements.define('hiroba-bar', Bar);
