import { Component } from '../component.js';
import { h, setText } from '../dom.js';
import { icon } from '../icons.js';
import { NONE } from './local-media.js';

/** @typedef {'camera' | 'microphone' | 'speaker'} Choice */

/** @typedef {import('./local-media.js').OwnMedia} OwnMedia */

/** @type {{choice: Choice, kind: MediaDeviceKind, label: string}[]} */
const PICKS = [
  { choice: 'microphone', kind: 'audioinput', label: 'Microphone' },
  { choice: 'camera', kind: 'videoinput', label: 'Camera' },
  { choice: 'speaker', kind: 'audiooutput', label: 'Speaker' },
];

/** Not every browser lets a page choose where its sound comes out. */
const SPEAKERS = 'setSinkId' in HTMLMediaElement.prototype;

/**
 * Chooses camera, microphone and speaker. Emits 'choose' with
 * {choice, device}.
 *
 * @extends {Component<{media: OwnMedia}>}
 */
export class DevicePicker extends Component {
  /** @type {Map<Choice, {row: HTMLElement, select: HTMLSelectElement}>} */
  #rows = new Map();

  constructor() {
    super({ media: NONE });
  }

  /** @override */
  build() {
    for (const { choice, label } of PICKS) {
      const select = h('select', {
        'data-testid': `choose-${choice}`,
        onchange: () => this.emit('choose', { choice, device: select.value }),
      });
      const row = h('label', { class: 'pick' }, icon(choice), h('span', { class: 'unseen' }, label), select);
      this.#rows.set(choice, { row, select });
      this.append(row);
    }
  }

  /** @override */
  render() {
    const { media } = this.state;
    for (const { choice, kind, label } of PICKS) {
      const there = media.devices.filter((device) => device.kind === kind);
      const { row, select } = /** @type {{row: HTMLElement, select: HTMLSelectElement}} */ (this.#rows.get(choice));
      row.hidden = choice === 'speaker' && (!SPEAKERS || there.length === 0);

      const options = there
        .filter((device) => device.deviceId !== '')
        .map((device, index) => ({ value: device.deviceId, text: device.label || `${label} ${index + 1}` }));
      if (options.length === 0) {
        options.push({ value: '', text: nothing(media, there.length > 0) });
      }
      select.disabled = options[0]?.value === '';
      fill(select, options);

      const open = choice === 'speaker' ? null : media[choice].track;
      const current = open?.getSettings().deviceId ?? media.chosen[choice];
      if (options.some((option) => option.value === current)) select.value = current;
    }
  }
}

/**
 * Why there is nothing to choose from.
 *
 * @param {OwnMedia} media
 * @param {boolean} hidden there is something, but the browser does not say what
 */
function nothing({ camera, microphone }, hidden) {
  if (camera.problem?.code === 'insecure' || microphone.problem?.code === 'insecure') return 'Needs https';
  return hidden ? 'Not allowed yet' : 'None found';
}

/**
 * Changes the options only where they differ: a list that is open in front of
 * the person must not close.
 *
 * @param {HTMLSelectElement} select
 * @param {{value: string, text: string}[]} options
 */
function fill(select, options) {
  while (select.options.length > options.length) select.remove(select.options.length - 1);
  options.forEach(({ value, text }, index) => {
    const option = select.options[index] ?? select.appendChild(h('option'));
    if (option.value !== value) option.value = value;
    setText(option, text);
  });
}

customElements.define('hiroba-device-picker', DevicePicker);
