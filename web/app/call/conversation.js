/** @typedef {import('./chat.js').ChatMessage} ChatMessage */

/** Older ones are let go: a call is no archive. */
const KEPT = 1000;

/** The chat of one call: its messages, whom we write to, what is unread. */
export class Conversation {
  /** @type {readonly ChatMessage[]} */
  #messages = [];
  #count = 0;
  #unread = 0;
  #to = { id: '', name: '' };
  /** Our peer ids in this call: another one after joining again. @type {Set<string>} */
  #selves = new Set();

  /** Oldest first; a new array after every change. */
  get messages() {
    return this.#messages;
  }

  get unread() {
    return this.#unread;
  }

  /** Whom the next message is for; the empty id is everybody. */
  get to() {
    return this.#to;
  }

  /** @param {{id: string, name: string}} to */
  address(to) {
    this.#to = to;
  }

  /** Everything has been seen. */
  read() {
    this.#unread = 0;
  }

  /**
   * What was said before we came, as far as we have not seen it in this call.
   *
   * @param {readonly {from: string, name: string, text: string, at: number}[]} messages oldest first
   */
  before(messages) {
    const seen = new Set(this.#messages.map(identity));
    for (const message of messages) {
      if (this.#selves.has(message.from) || seen.has(identity(message))) continue;
      this.#add({ ...message, own: false, to: '', privately: '', delivery: 'sent', earlier: true });
    }
  }

  /**
   * @param {{from: string, name: string, text: string, at: number, privately: boolean, seen: boolean}} message
   */
  received({ from, name, text, at, privately, seen }) {
    if (!seen) this.#unread++;
    this.#add({ from, name, own: false, text, at, to: '', privately: privately ? 'to you' : '', delivery: 'sent', earlier: false });
  }

  /**
   * Something we write, before the server has it.
   *
   * @param {string} from our own peer id
   * @param {string} text
   * @param {number} at
   * @returns {number} names the message for `delivered`
   */
  sending(from, text, at) {
    const privately = this.#to.id ? `to ${this.#to.name}` : '';
    this.#selves.add(from);
    return this.#add({ from, name: '', own: true, text, at, to: this.#to.id, privately, delivery: 'sending', earlier: false });
  }

  /**
   * @param {number} number
   * @param {ChatMessage['delivery']} delivery
   */
  delivered(number, delivery) {
    this.#messages = this.#messages.map((message) => (message.number === number ? { ...message, delivery } : message));
  }

  /** @param {Omit<ChatMessage, 'number'>} message */
  #add(message) {
    this.#count++;
    this.#messages = [...this.#messages, { ...message, number: this.#count }].slice(-KEPT);
    return this.#count;
  }
}

/**
 * Two messages of one peer differ in when the server took them, or in what they say.
 *
 * @param {{from: string, at: number, text: string}} message
 */
function identity({ from, at, text }) {
  return JSON.stringify([from, at, text]);
}
