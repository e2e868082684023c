import { Component } from '../component.js';
import { h, setText } from '../dom.js';
import { icon } from '../icons.js';
import { linked } from '../links.js';

/**
 * @typedef {object} ChatMessage
 * @property {number} number counts up; never reused
 * @property {string} from peer id
 * @property {string} name of the sender, as it was then
 * @property {boolean} own
 * @property {string} text
 * @property {number} at milliseconds
 * @property {string} to the peer id it is for; '' for everybody
 * @property {string} privately '' for everybody; else between whom: "to Ann", "to you"
 * @property {'sending' | 'sent' | 'failed'} delivery
 * @property {boolean} earlier it was said before we came
 */

/**
 * @typedef {object} ChatState
 * @property {readonly ChatMessage[]} messages oldest first
 * @property {readonly {id: string, name: string}[]} others who can be written to alone
 * @property {string} to whom we write to: a peer id, '' for everybody
 * @property {string} toName what that peer is called, even when they have left
 * @property {boolean} kept those who come later see the latest messages
 * @property {boolean} online what is written goes out at once
 * @property {boolean} allowed we may write
 */

/** Messages of one person this close together stand under one name. */
const GROUP_MS = 3 * 60_000;

/** Longer than this is no chat message. */
const LONGEST = 4000;

/** What becomes of what is written, for an empty chat. */
const KEPT = 'Those who come later see the latest ones.';
const NOT_KEPT = 'What is written here is seen by those who are in the room now.';

/** So near to the end, in pixels, one is reading along. */
const READING = 48;

/**
 * The chat. Emits 'send' with {text, to}, 'to' with a peer id or '', 'again'
 * with a ChatMessage that did not go out, and 'close'.
 *
 * @extends {Component<ChatState>}
 */
export class Chat extends Component {
  #log = h('div', { class: 'scroll', role: 'log', 'aria-label': 'Messages', 'data-testid': 'chat-log', tabindex: 0 });
  #empty = h('p', { class: 'empty' });
  #waiting = h('p', { class: 'waiting', role: 'status' });
  #to = h('select', { 'aria-label': 'Send to', 'data-testid': 'chat-to', onchange: () => this.emit('to', this.#to.value) });
  #input = h('textarea', {
    'data-testid': 'chat-input', 'aria-label': 'Message', rows: 1, maxlength: LONGEST, enterkeyhint: 'send', autocomplete: 'off',
    onkeydown: (event) => this.#key(event), oninput: () => this.#grow(),
  });
  #send = h('button', { class: 'primary round', 'aria-label': 'Send', title: 'Send (Enter)', 'data-testid': 'chat-send' }, icon('send'));
  /** @type {Map<number, {item: HTMLElement, delivery: string}>} */
  #drawn = new Map();
  /** @type {ChatMessage | null} */
  #last = null;
  /** @type {ChatState['messages'] | null} what the log shows */
  #shown = null;

  constructor() {
    super({ messages: [], others: [], to: '', toName: '', kept: false, online: true, allowed: true });
  }

  /** @override */
  build() {
    this.classList.add('panel');
    this.setAttribute('role', 'region');
    this.setAttribute('aria-label', 'Chat');
    this.append(
      h('div', { class: 'head' }, h('h2', {}, 'Chat'), h('button', { type: 'button', class: 'plain round', 'aria-label': 'Close chat', title: 'Close (Esc)', onclick: () => this.emit('close') }, icon('close'))),
      this.#log,
      h('form', { onsubmit: (event) => this.#submit(event) },
        this.#waiting,
        h('label', { class: 'to' }, 'To', this.#to),
        h('div', { class: 'write' }, this.#input, this.#send),
      ),
    );
  }

  /** Shows the last messages, and puts the caret where one writes. */
  open() {
    this.render();
    this.#log.scrollTop = this.#log.scrollHeight;
    // On a phone the keyboard would cover what is to be read.
    if (!matchMedia('(pointer: coarse)').matches) this.#input.focus();
  }

  /** @override */
  render() {
    const { messages, to, kept, online, allowed } = this.state;
    setText(this.#empty, `No messages yet. ${kept ? KEPT : NOT_KEPT}`);
    this.toggleAttribute('data-offline', !online);
    const waits = !online && messages.some(({ delivery }) => delivery === 'sending');
    setText(this.#waiting, waits ? 'Goes out when you are connected again' : '');
    if (messages !== this.#shown) this.#renderLog(messages);
    const gone = this.#fillTo();
    this.#send.disabled = gone || !allowed;
    this.#input.disabled = !allowed;
    if (!allowed) this.#input.placeholder = 'You may read, but not write';
    else this.#input.placeholder = gone ? 'They have left' : to ? 'Write privately' : 'Write to everyone';
  }

  /** @param {ChatState['messages']} messages */
  #renderLog(messages) {
    this.#shown = messages;
    const reading = this.#log.scrollHeight - this.#log.scrollTop - this.#log.clientHeight < READING;
    const first = messages[0]?.number ?? Infinity;
    for (const [number, { item }] of this.#drawn) {
      if (number >= first) break;
      item.remove();
      this.#drawn.delete(number);
    }
    for (const message of messages) this.#draw(message);
    if (messages.length === 0) this.#log.append(this.#empty);
    else this.#empty.remove();
    if (reading || messages.at(-1)?.own) this.#log.scrollTop = this.#log.scrollHeight;
  }

  /** @param {ChatMessage} message */
  #draw(message) {
    const drawn = this.#drawn.get(message.number);
    if (drawn) {
      if (drawn.delivery !== message.delivery) this.#drawDelivery(drawn.item, message);
      drawn.delivery = message.delivery;
      return;
    }
    const item = h('div', { class: 'message' }, h('p', { class: 'text' }, ...linked(message.text)));
    item.toggleAttribute('data-own', message.own);
    item.toggleAttribute('data-private', message.privately !== '');
    if (this.#last?.earlier && !message.earlier) this.#log.append(h('p', { class: 'since' }, 'You joined'));
    if (!belongsTo(message, this.#last)) item.prepend(heading(message));
    this.#drawDelivery(item, message);
    this.#log.append(item);
    this.#drawn.set(message.number, { item, delivery: message.delivery });
    this.#last = message;
  }

  /**
   * @param {HTMLElement} item
   * @param {ChatMessage} message
   */
  #drawDelivery(item, message) {
    item.setAttribute('data-delivery', message.delivery);
    item.querySelector('.failed')?.remove();
    if (message.delivery !== 'failed') return;
    item.append(h('p', { class: 'failed', role: 'alert' }, 'Not sent. ',
      h('button', { type: 'button', onclick: () => this.emit('again', message) }, 'Try again')));
  }

  /**
   * Whom one can write to. Somebody who has left stays chosen, but cannot be
   * sent to: a private message must never go to everyone by accident.
   *
   * @returns {boolean} whether the chosen one has left
   */
  #fillTo() {
    const { others, to, toName } = this.state;
    const gone = to !== '' && !others.some(({ id }) => id === to);
    const options = [{ id: '', name: 'Everyone' }, ...others];
    if (gone) options.push({ id: to, name: `${toName} (left)` });
    while (this.#to.options.length > options.length) this.#to.remove(this.#to.options.length - 1);
    options.forEach(({ id, name }, index) => {
      const option = this.#to.options[index] ?? this.#to.appendChild(h('option'));
      if (option.value !== id) option.value = id;
      setText(option, name);
    });
    this.#to.value = to;
    return gone;
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    // While an input method composes, Enter chooses a word.
    if (event.key !== 'Enter' || event.shiftKey || event.isComposing) return;
    this.#submit(event);
  }

  /** @param {Event} event */
  #submit(event) {
    event.preventDefault();
    const text = this.#input.value.trim();
    if (!text || this.#send.disabled) return;
    this.#input.value = '';
    this.#grow();
    this.emit('send', { text, to: this.state.to });
  }

  /** The field is as high as its text, up to what the style allows. */
  #grow() {
    this.#input.style.height = 'auto';
    this.#input.style.height = `${this.#input.scrollHeight + 2}px`;
  }
}

/**
 * @param {ChatMessage} message
 * @param {ChatMessage | null} before
 */
function belongsTo(message, before) {
  return before !== null && before.from === message.from && before.earlier === message.earlier && before.privately === message.privately && message.at - before.at < GROUP_MS;
}

/** @param {ChatMessage} message */
function heading(message) {
  const at = new Date(message.at);
  const time = h('time', { datetime: at.toISOString() }, clock(at));
  const name = h('span', { class: 'name' }, message.own ? 'You' : message.name);
  const privately = message.privately ? [h('span', { class: 'privately' }, icon('lock'), message.privately)] : [];
  return h('p', { class: 'heading' }, name, ...privately, time);
}

/**
 * The time of day, after the weekday when that is another one. A room keeps
 * messages for a week at most.
 *
 * @param {Date} at
 */
function clock(at) {
  const today = at.toDateString() === new Date().toDateString();
  return at.toLocaleTimeString([], { hour: '2-digit', minute: '2-digit', ...(today ? {} : { weekday: 'short' }) });
}

customElements.define('hiroba-chat', Chat);
