import { Answers } from './answers.js';
import { HirobaError, serverError } from './errors.js';
import { Heartbeat } from './heartbeat.js';

/** @import * as wire from './messages.js' */

/**
 * What a client message says, without what the link adds to it.
 *
 * @typedef {Omit<wire.ClientMessage, 'seq' | 'ack' | 'id'>} Body
 */

/**
 * Who hears what comes over the link.
 *
 * @typedef {object} Listener
 * @property {(message: wire.ServerMessage) => void} message  everything that is no answer, in order
 * @property {(error: HirobaError) => void} ended  the link is gone; comes once, and not after close()
 */

const SUBPROTOCOL = 'hiroba.v1.json';
const OPEN_TIMEOUT_MS = 10_000;
const DEFAULT_HEARTBEAT_MS = 10_000;

/**
 * Link is the signaling session over a WebSocket: it numbers and acknowledges
 * messages, pairs answers with questions, drops what came twice, and notices
 * when the other side is gone. It ends once and is not reused.
 */
export class Link {
  #url;
  #socket;
  #answers = new Answers();
  /** @type {Heartbeat | null} */
  #heartbeat = null;
  /** @type {Listener | null} */
  #listener = null;
  /** What came before somebody listened. @type {wire.ServerMessage[]} */
  #early = [];
  /** @type {wire.Welcome} */
  #welcome = {};
  #sent = 0;
  #handled = 0;
  /** Why it ended; null while it lives. @type {HirobaError | null} */
  #end = null;
  /** Settles open(): welcomed, or an error. @type {(error?: HirobaError) => void} */
  #opened = () => {};
  #stop = new AbortController();

  /**
   * Opens a link and waits for the server's welcome.
   *
   * @param {string} url  of the server: http(s), as the page's own address
   * @returns {Promise<Link>} rejects with HirobaError UNREACHABLE or what the server said
   */
  static open(url) {
    return new Promise((resolve, reject) => {
      const link = new Link(signalUrl(url));
      const timer = setTimeout(() => link.#finish(unreachable(link.#url)), OPEN_TIMEOUT_MS);
      link.#opened = (error) => {
        clearTimeout(timer);
        link.#opened = () => {};
        if (error) reject(error);
        else resolve(link);
      };
    });
  }

  /**
   * @private
   * @param {string} url  ws(s)
   */
  constructor(url) {
    this.#url = url;
    this.#socket = new WebSocket(url, SUBPROTOCOL);
    const { signal } = this.#stop;
    this.#socket.addEventListener('message', ({ data }) => this.#receive(data), { signal });
    this.#socket.addEventListener('close', (event) => this.#finish(this.#lost(event)), { signal });
  }

  /** The server's first message: ICE servers, limits, heartbeat. */
  get welcome() {
    return this.#welcome;
  }

  /**
   * Begins to hand on what comes, and first what came already.
   *
   * @param {Listener} listener
   */
  listen(listener) {
    this.#listener = listener;
    const early = this.#early;
    this.#early = [];
    for (const message of early) listener.message(message);
    if (this.#end) listener.ended(this.#end);
  }

  /**
   * Sends a message and waits for its answer.
   *
   * @param {Body} body
   * @returns {Promise<wire.ServerMessage>} rejects with HirobaError: what the
   *   server said, TIMEOUT, or why the link ended
   */
  async request(body) {
    const { id, answer } = this.#answers.ask();
    try {
      this.#send(body, id);
    } catch (error) {
      this.#answers.settle({ re: id });
      throw error;
    }
    return answer;
  }

  /**
   * Sends a message whose answer nobody waits for; a refusal comes to the
   * listener as an `error` message. Does nothing once the link has ended.
   *
   * @param {Body} body
   */
  tell(body) {
    if (!this.#end) this.#send(body);
  }

  /**
   * Ends the link without telling the listener; what still waits for an answer
   * fails with `error`.
   *
   * @param {HirobaError} [error]
   */
  close(error = new HirobaError('CLOSED', 'The room was left.')) {
    this.#listener = null;
    this.#finish(error);
  }

  /**
   * @param {Body} body
   * @param {string} [id]
   */
  #send(body, id) {
    if (this.#end) throw this.#end;
    const text = JSON.stringify({ seq: String(this.#sent + 1), ack: String(this.#handled), id, ...body });
    this.#checkSize(text, body);
    // Counted only when it leaves: a number that is skipped ends the session.
    this.#sent++;
    this.#socket.send(text);
  }

  /**
   * The server would cut the connection over a message that is too large; here
   * it only costs this message.
   *
   * @param {string} text
   * @param {Body} body
   */
  #checkSize(text, { join, description }) {
    const { messageBytes, descriptionBytes } = this.#welcome.limits ?? {};
    const limit = (join || description ? descriptionBytes : messageBytes) ?? Infinity;
    // A UTF-16 unit becomes at most 3 bytes; only near the limit is it worth counting.
    if (text.length * 3 <= limit) return;
    const size = new TextEncoder().encode(text).length;
    if (size <= limit) return;
    throw new HirobaError('MESSAGE_TOO_LARGE',
      `The message has ${size} bytes; this server takes up to ${limit}. Send less, or in parts.`);
  }

  /** @param {unknown} data */
  #receive(data) {
    const message = parse(data);
    if (!message) {
      this.#finish(new HirobaError('MALFORMED',
        `What answers at ${this.#url} does not speak Hiroba's protocol. Check the address and the server's version.`));
      return;
    }
    this.#heartbeat?.heard();
    const seq = Number(message.seq ?? 0);
    if (seq > 0) {
      if (seq <= this.#handled) return;
      this.#handled = seq;
    }
    if (message.welcome) this.#greet(message.welcome);
    else if (!message.pong && !this.#answers.settle(message)) this.#handOn(message);
    if (message.error?.fatal) this.#finish(serverError(message.error));
  }

  /** @param {wire.Welcome} welcome */
  #greet(welcome) {
    this.#welcome = welcome;
    this.#heartbeat ??= new Heartbeat(welcome.heartbeatMs || DEFAULT_HEARTBEAT_MS, {
      // A ping has no number, so that it can be lost without a gap.
      ping: () => this.#socket.send(JSON.stringify({ ack: String(this.#handled), ping: {} })),
      dead: () => this.#finish(new HirobaError('LINK_LOST',
        'The server has fallen silent. Check your connection and join again.', { retry: true })),
    });
    this.#opened();
  }

  /** @param {wire.ServerMessage} message */
  #handOn(message) {
    // A fatal error is told by ended(); an answer that came too late is nobody's.
    if (message.re || message.error?.fatal) return;
    if (this.#listener) this.#listener.message(message);
    else this.#early.push(message);
  }

  /**
   * The one way to the end.
   *
   * @param {HirobaError} error
   */
  #finish(error) {
    if (this.#end) return;
    this.#end = error;
    this.#stop.abort();
    this.#heartbeat?.stop();
    this.#socket.close();
    this.#answers.fail(error);
    this.#opened(error);
    this.#listener?.ended(error);
  }

  /** @param {CloseEvent} event */
  #lost({ code, reason }) {
    if (!this.#heartbeat) return unreachable(this.#url);
    const why = reason ? `${reason} (code ${code})` : `code ${code}`;
    return new HirobaError('LINK_LOST',
      `The link to the server was lost: ${why}. Check your connection and join again.`, { retry: true });
  }
}

/**
 * @param {string} url  http(s), perhaps with a path under which a proxy serves Hiroba
 * @returns {string} ws(s)
 */
export function signalUrl(url) {
  const signal = new URL(url);
  signal.protocol = signal.protocol.replace(/^http/, 'ws');
  signal.pathname = `${signal.pathname.replace(/\/+$/, '')}/v1/signal`;
  signal.search = '';
  signal.hash = '';
  return signal.href;
}

/**
 * @param {unknown} data
 * @returns {wire.ServerMessage | null} null when it is no message
 */
function parse(data) {
  if (typeof data !== 'string') return null;
  try {
    const message = JSON.parse(data);
    return typeof message === 'object' ? message : null;
  } catch {
    return null;
  }
}

/** @param {string} url */
function unreachable(url) {
  return new HirobaError('UNREACHABLE',
    `The server at ${new URL(url).host} cannot be reached. Check your connection and that the server runs, then try again.`,
    { retry: true });
}
