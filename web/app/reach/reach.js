import { diagnose, LEGS } from '/sdk/hiroba.js';
import { Component } from '../component.js';
import { h, setText } from '../dom.js';
import { icon } from '../icons.js';
import { advice, duration, STATES, TITLES, verdict } from './words.js';

/** @typedef {import('/sdk/hiroba.js').LegResult} LegResult */

/**
 * A button, and what gets through between here and the server, as a table that
 * fills itself. `token` and `room` are those of the invitation, and '' without.
 *
 * @extends {Component<{token: string, room: string}>}
 */
export class ConnectionTest extends Component {
  #button = h('button', { type: 'button', 'data-testid': 'test-connection', onclick: () => void this.#run() }, 'Test the connection');
  #progress = h('p', { role: 'status', class: 'verdict', 'data-testid': 'test-verdict' });
  #rows = h('tbody');
  #table = h('table', { hidden: true, 'data-testid': 'test-table' },
    h('caption', { class: 'unseen' }, 'Ways to the server'),
    h('thead', { class: 'unseen' }, h('tr', {}, h('th', { scope: 'col' }, 'Way'), h('th', { scope: 'col' }, 'Result'), h('th', { scope: 'col' }, 'Time'))),
    this.#rows);
  /** @type {AbortController | null} */
  #running = null;

  constructor() {
    super({ token: '', room: '' });
  }

  /** @override */
  build() {
    this.append(this.#button, this.#progress, this.#table);
  }

  /** @override */
  disconnected() {
    this.stop();
  }

  /** Gives up a test that runs. */
  stop() {
    this.#running?.abort();
    this.#running = null;
    this.#button.disabled = false;
  }

  async #run() {
    const { token, room } = this.state;
    const running = new AbortController();
    this.#running = running;
    this.#button.disabled = true;
    this.#table.hidden = false;
    this.toggleAttribute('data-good', false);
    this.#rows.replaceChildren(...LEGS.map((leg) => row(leg)));
    /** @type {LegResult[]} */
    const known = [];
    const show = () => setText(this.#progress, `Testing: ${known.length} of ${LEGS.length}…`);
    show();
    try {
      const results = await diagnose({
        token, room: room || undefined, signal: running.signal,
        tell: (result) => {
          known.push(result);
          fill(this.#rows, result);
          show();
        },
      });
      const { good, text } = verdict(results);
      this.toggleAttribute('data-good', good);
      setText(this.#progress, text);
    } catch {
      setText(this.#progress, 'The test was given up.');
    }
    if (this.#running === running) this.stop();
  }
}

/**
 * A row of which nothing is known yet.
 *
 * @param {import('/sdk/hiroba.js').Leg} leg
 */
function row(leg) {
  return h('tr', { 'data-leg': leg },
    h('th', { scope: 'row' }, TITLES[leg]), h('td', { class: 'state' }, h('span', { class: 'wait' }, '…')), h('td', { class: 'time' }));
}

/**
 * @param {HTMLElement} rows
 * @param {LegResult} result
 */
function fill(rows, result) {
  const row = rows.querySelector(`[data-leg="${result.leg}"]`);
  const [, state, time] = row?.children ?? [];
  if (!row || !state || !time) return;
  row.setAttribute('data-state', result.state);
  const mark = result.state === 'works' ? [icon('check')] : result.state === 'fails' ? [icon('warning')] : [];
  state.replaceChildren(...mark, h('span', {}, STATES[result.state]));
  setText(time, duration(result.ms));
  const text = advice(result);
  if (text) row.after(h('tr', { class: 'advice' }, h('td', { colspan: 3, title: result.detail }, text)));
}

customElements.define('hiroba-connection-test', ConnectionTest);
