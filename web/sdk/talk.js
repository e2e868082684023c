import { HirobaError } from './errors.js';

/** @import { Link } from './link.js' */
/** @import { RoomMessage } from './room-events.js' */
/** @import * as wire from './messages.js' */

/**
 * Whom a message is for, and how long to wait.
 *
 * @typedef {object} EmitOptions
 * @property {string[]} [to]  peer ids; everybody else unless told
 * @property {number} [timeoutMs]  give up after this, however the connection is
 */

/** @typedef {(value: any, message: RoomMessage) => unknown} AnswerHandler  what it returns, or its promise gives, is the answer */

/**
 * @typedef {object} Question
 * @property {Set<string> | null} missing  who has not answered; null: anybody may
 * @property {Map<string, unknown>} answers  by peer id
 * @property {boolean} single  one answer is all there is
 * @property {(value: unknown) => void} resolve
 * @property {(error: HirobaError) => void} reject
 * @property {ReturnType<typeof setTimeout>} timer
 */

const ASK_TIMEOUT_MS = 10_000;

/**
 * Talk is what peers say to each other over signaling: messages under topics,
 * questions and their answers.
 */
export class Talk {
  #link;
  #said;
  /** @type {Map<string, Question>} */
  #questions = new Map();
  #count = 0;
  /** @type {Map<string, AnswerHandler>} */
  #handlers = new Map();
  /** Of the latest message to everybody, Unix milliseconds. */
  #latestMs = 0;

  /**
   * @param {Link} link
   * @param {(message: RoomMessage) => void} said  is called with each message
   */
  constructor(link, said) {
    this.#link = link;
    this.#said = said;
  }

  /**
   * @param {string} topic
   * @param {unknown} value
   * @param {EmitOptions} [options]
   */
  async emit(topic, value, { to = [], timeoutMs } = {}) {
    await this.#link.request({ message: { to, topic, text: toText(value) } }, { timeoutMs });
  }

  /**
   * @param {string} topic
   * @param {unknown} value
   * @param {EmitOptions} [options]
   * @returns {Promise<any>}
   */
  async ask(topic, value, { to = [], timeoutMs = ASK_TIMEOUT_MS } = {}) {
    const ask = (++this.#count).toString(36);
    const answered = new Promise((resolve, reject) => {
      const timer = setTimeout(() => this.#giveUp(ask, timeoutMs), timeoutMs);
      this.#questions.set(ask, {
        missing: to.length > 0 ? new Set(to) : null, answers: new Map(), single: to.length < 2, resolve, reject, timer,
      });
    });
    answered.catch(() => {});
    try {
      await this.#link.request({ message: { to, topic, text: toText(value), ask } }, { timeoutMs });
    } catch (error) {
      this.#take(ask);
      throw error;
    }
    return answered;
  }

  /**
   * @param {string} topic
   * @param {AnswerHandler} handler
   * @returns {() => void} takes the handler away again
   */
  answer(topic, handler) {
    this.#handlers.set(topic, handler);
    return () => {
      if (this.#handlers.get(topic) === handler) this.#handlers.delete(topic);
    };
  }

  /** @param {wire.Message} wireMessage */
  hear(wireMessage) {
    const { ask, answers } = wireMessage;
    const message = roomMessage(wireMessage);
    if (message.to.length === 0) this.#latestMs = Math.max(this.#latestMs, message.sentMs);
    if (answers) return this.#answered(answers, message);
    const handler = ask ? this.#handlers.get(message.topic) : undefined;
    if (handler) void this.#reply(handler, message, ask ?? '');
    else this.#said(message);
  }

  /**
   * Takes what was said before this client came, without telling it.
   *
   * @param {wire.Message[]} [history]
   * @returns {RoomMessage[]}
   */
  before(history = []) {
    const messages = history.map(roomMessage);
    this.#latestMs = messages.at(-1)?.sentMs ?? 0;
    return messages;
  }

  /**
   * Tells what of the room's history this client has missed.
   *
   * @param {wire.Message[]} history
   * @param {string} self  own peer id
   */
  catchUp(history, self) {
    const since = this.#latestMs;
    for (const message of history) {
      if (Number(message.sentMs ?? 0) > since && message.from !== self) this.hear(message);
    }
  }

  /**
   * Somebody is gone and will not answer.
   *
   * @param {string} peer  peer id
   */
  left(peer) {
    for (const [ask, question] of [...this.#questions]) {
      if (!question.missing?.delete(peer)) continue;
      if (question.single) {
        this.#take(ask)?.reject(new HirobaError('NO_SUCH_PEER', 'Who was asked has left the room without an answer.'));
      } else {
        this.#settle(ask, question);
      }
    }
  }

  /** @param {HirobaError} error */
  end(error) {
    for (const ask of [...this.#questions.keys()]) this.#take(ask)?.reject(error);
  }

  /**
   * @param {string} ask
   * @param {RoomMessage} message
   */
  #answered(ask, { from, data }) {
    const question = this.#questions.get(ask);
    if (!question || (question.missing && !question.missing.delete(from))) return;
    question.answers.set(from, data);
    if (question.single) this.#take(ask)?.resolve(data);
    else this.#settle(ask, question);
  }

  /**
   * @param {string} ask
   * @param {Question} question
   */
  #settle(ask, question) {
    if (question.missing?.size === 0) this.#take(ask)?.resolve(question.answers);
  }

  /**
   * @param {string} ask
   * @param {number} timeoutMs
   */
  #giveUp(ask, timeoutMs) {
    const question = this.#take(ask);
    if (question && question.answers.size > 0) question.resolve(question.answers);
    else question?.reject(new HirobaError('TIMEOUT', `Nobody answered within ${timeoutMs / 1000} seconds.`, { retry: true }));
  }

  /** @param {string} ask */
  #take(ask) {
    const question = this.#questions.get(ask);
    this.#questions.delete(ask);
    clearTimeout(question?.timer);
    return question;
  }

  /**
   * A handler that fails gives no answer; its fault shows up as the application's.
   *
   * @param {AnswerHandler} handler
   * @param {RoomMessage} message
   * @param {string} ask
   */
  async #reply(handler, message, ask) {
    const text = toText(await handler(message.data, message));
    // Who asked may be gone.
    await this.#link.request({ message: { to: [message.from], topic: message.topic, text, answers: ask } }).catch(() => {});
  }
}

/**
 * @param {wire.Message} message
 * @returns {RoomMessage}
 */
function roomMessage({ from = '', to = [], topic = '', text = '', sentMs = '0', name = '' }) {
  return { from, to, topic, text, data: fromJSON(text), sentMs: Number(sentMs), name };
}

/** @param {unknown} value */
function toText(value) {
  return typeof value === 'string' ? value : JSON.stringify(value) ?? '';
}

/** @param {string} text */
function fromJSON(text) {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
