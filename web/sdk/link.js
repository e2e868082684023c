import { Answers } from './answers.js';
import { Attachment } from './attachment.js';
import { Credentials } from './credentials.js';
import { asHirobaError, HirobaError, serverError } from './errors.js';
import { Heartbeat } from './heartbeat.js';
import { Outgoing, stamp } from './outgoing.js';
import { Pacer } from './pacer.js';
import { renewAccess } from './renewal.js';

/** @import { Patience } from './answers.js' */
/** @import { Reconnecting } from './attachment.js' */
/** @import { TransportName } from './carrier.js' */
/** @import { TokenSource } from './credentials.js' */
/** @import { Body } from './outgoing.js' */
/** @import * as wire from './messages.js' */

/**
 * Who hears what comes over the link.
 *
 * @typedef {object} Listener
 * @property {(message: wire.ServerMessage) => void} message  everything that is no answer, in order
 * @property {(error: HirobaError) => void} ended  the link is gone; comes once, and not after close()
 * @property {(how: Reconnecting) => void} [away]  the connection broke, or an attempt to make it again failed
 * @property {(transport: TransportName) => void} [attached]  what is sent goes out again, over this transport
 * @property {(error: HirobaError) => void} [failed]  something went wrong that nobody waits for
 */

/**
 * @typedef {object} LinkOptions
 * @property {TokenSource} [token]  access token
 * @property {TransportName[]} [transports]  those to use, best first
 * @property {AbortSignal} [signal]  gives up the opening
 * @property {() => number} [random]
 */

const DEFAULT_HEARTBEAT_MS = 10_000;
/** The server keeps about a thousand messages until it hears that they were handled. */
const ACKNOWLEDGE_EVERY = 200;

/**
 * Link is the signaling session: it numbers and acknowledges messages, pairs
 * answers with questions, drops what came twice, and says again what the server
 * has missed. Connections come and go underneath; it ends once and is not reused.
 */
export class Link {
  #credentials;
  #attachment;
  #answers = new Answers();
  #outgoing = new Outgoing();
  #pacer = new Pacer();
  /** The highest number that went out over the present connection. */
  #sent = 0;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #later;
  /** @type {Heartbeat | null} */
  #heartbeat = null;
  /** @type {Listener | null} */
  #listener = null;
  /** What came before somebody listened. @type {wire.ServerMessage[]} */
  #early = [];
  /** @type {wire.Welcome} */
  #welcome = {};
  /** The highest number of the server's that was handled, and that it was told so. */
  #handled = 0;
  #acknowledged = 0;
  /** What had been handled when the server was last found to have sent more. */
  #behindAt = -1;
  #pinged = false;
  #left = false;
  /** Why it ended; null while it lives. @type {HirobaError | null} */
  #end = null;
  #stop = new AbortController();

  /**
   * Opens a link and waits for the server's welcome.
   *
   * @param {string} url  of the server: http(s), as the page's own address
   * @param {LinkOptions} [options]
   * @returns {Promise<Link>} rejects with HirobaError UNREACHABLE or what the server said
   */
  static async open(url, options = {}) {
    const link = new Link(signalUrl(url), options);
    const { signal } = options;
    const abort = () => link.close(new HirobaError('CLOSED', 'Joining was given up.'));
    signal?.addEventListener('abort', abort);
    try {
      if (signal?.aborted) abort();
      await link.#attachment.open();
      if (link.#end) throw link.#end;
      return link;
    } catch (error) {
      const reason = link.#end ?? asHirobaError(error, 'UNREACHABLE', `The server cannot be reached: ${error}`);
      link.close(reason);
      throw reason;
    } finally {
      signal?.removeEventListener('abort', abort);
    }
  }

  /**
   * @private
   * @param {string} url  of /v1/signal
   * @param {LinkOptions} options
   */
  constructor(url, { token = '', transports, random }) {
    this.#credentials = new Credentials(url, token, () => this.#handled);
    this.#attachment = new Attachment(this.#credentials, {
      attached: (welcome) => this.#attached(welcome),
      message: (message) => this.#receive(message),
      received: (received) => this.#outgoing.trim(received),
      away: (how) => this.#away(how),
      ended: (error) => this.#finish(error),
      woken: () => this.#heartbeat?.probe(),
    }, { transports, random });
  }

  /** The server's first message on the latest connection: ICE servers, limits, heartbeat. */
  get welcome() {
    return this.#welcome;
  }

  /** What carries the session now; '' while nothing does. */
  get transport() {
    return this.#attachment.transport;
  }

  /**
   * Begins to hand on what comes, and first what came already.
   *
   * @param {Listener} listener
   */
  listen(listener) {
    this.#listener = listener;
    for (const message of this.#early.splice(0)) listener.message(message);
    if (this.#end) listener.ended(this.#end);
  }

  /**
   * Sends a message and waits for its answer. While there is no connection it
   * waits for one, and that time does not count.
   *
   * @param {Body} body
   * @param {Patience} [patience]
   * @returns {Promise<wire.ServerMessage>} rejects with HirobaError: what the
   *   server said, TIMEOUT, ANSWER_LOST, or why the link ended
   */
  async request(body, patience) {
    const { id, answer } = this.#answers.ask(patience);
    try {
      this.#send(body, id);
    } catch (error) {
      this.#answers.forget(id);
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
    if (this.#end) return;
    try {
      this.#send(body);
    } catch (error) {
      this.#listener?.failed?.(asHirobaError(error, 'INTERNAL', `A message was not sent: ${error}`));
    }
  }

  /**
   * Goes on with another access token.
   *
   * @param {string} token
   */
  async authenticate(token) {
    this.#credentials.replace(token);
    await this.request({ authenticate: { token } });
    this.#credentials.accepted();
  }

  /**
   * Ends the link without telling the listener, at once and even while the page
   * goes away; what still waits for an answer fails with `error`. The server is
   * told to end the session, as well as that can be done without waiting.
   *
   * @param {HirobaError} [error]
   */
  close(error = new HirobaError('CLOSED', 'The room was left.')) {
    this.#listener = null;
    if (!this.#end && !(this.#left && this.transport)) {
      const { seq, text } = this.#outgoing.add({ leave: {} }, '');
      // With a gap before it, it would not be heard.
      this.#attachment.farewell(seq === this.#sent + 1 ? stamp(text, this.#handled) : '');
    }
    this.#finish(error);
  }

  /**
   * @param {Body} body
   * @param {string} [id]
   */
  #send(body, id = '') {
    if (this.#end) throw this.#end;
    const { seq } = this.#outgoing.add(body, id, this.#welcome.limits);
    if (id) this.#answers.numbered(id, seq);
    if (body.leave) this.#left = true;
    this.#flush();
  }

  /** Sends what has not gone out over this connection, as fast as the server takes it. */
  #flush() {
    if (!this.transport || this.#later !== undefined) return;
    /** @type {string[]} */
    const texts = [];
    for (const { seq, text, bytes } of this.#outgoing.after(this.#sent)) {
      const waitMs = this.#pacer.take(bytes, Date.now());
      if (waitMs > 0) {
        this.#later = setTimeout(() => {
          this.#later = undefined;
          this.#flush();
        }, waitMs);
        break;
      }
      texts.push(stamp(text, this.#handled));
      this.#sent = seq;
    }
    if (texts.length > 0) this.#acknowledged = this.#handled;
    this.#attachment.send(texts);
    if (this.#outgoing.halfFull && !this.#pinged) this.#ping();
  }

  /** @param {wire.Welcome} welcome */
  #attached(welcome) {
    this.#welcome = { ...this.#welcome, ...welcome };
    this.#pinged = false;
    this.#behindAt = -1;
    this.#sent = Number(welcome.received ?? 0);
    this.#outgoing.trim(this.#sent);
    this.#pacer.limit(this.#welcome.limits?.messagesPerSecond || Infinity);
    this.#answers.resume();
    this.#heartbeat?.stop();
    this.#heartbeat = this.#attachment.silent ? new Heartbeat(this.#welcome.heartbeatMs || DEFAULT_HEARTBEAT_MS, {
      ping: () => this.#ping(),
      dead: () => this.#attachment.drop(new HirobaError('LINK_LOST', 'The server has fallen silent.', { retry: true })),
    }) : null;
    this.#flush();
    if (this.transport) this.#listener?.attached?.(this.transport);
  }

  /** @param {Reconnecting} how */
  #away(how) {
    this.#heartbeat?.stop();
    this.#heartbeat = null;
    this.#answers.pause();
    // The server ends the connection of who leaves, perhaps before its answer is here.
    if (this.#left) this.#finish(new HirobaError('CLOSED', 'The room was left.'));
    else this.#listener?.away?.(how);
  }

  /** @param {wire.ServerMessage} message */
  #receive(message) {
    if (this.#end) return;
    this.#heartbeat?.heard();
    const seq = Number(message.seq ?? 0);
    if (seq > 0) {
      if (seq <= this.#handled) return;
      this.#handled = seq;
    }
    const { welcome, pong, joined, error, accessExpiring } = message;
    if (joined?.snapshot) this.#answers.lost(Number(this.#welcome.received ?? 0));
    if (pong) this.#pong(pong);
    else if (!welcome && !this.#answers.settle(message)) this.#handOn(message);
    if (error?.fatal) this.#finish(serverError(error));
    if (accessExpiring) this.#renew(Number(accessExpiring.expiresMs ?? 0));
    if (!this.#end && this.#handled - this.#acknowledged >= ACKNOWLEDGE_EVERY) this.#ping();
  }

  /** @param {wire.Pong} pong */
  #pong({ received, sent }) {
    this.#pinged = false;
    this.#outgoing.trim(Number(received ?? 0));
    // A pong that comes another way than the messages shows that these are stuck.
    const behind = Number(sent ?? 0) > this.#handled;
    if (behind && this.#behindAt === this.#handled) {
      this.#attachment.drop(new HirobaError('LINK_LOST', 'Something on the way keeps messages back.', { retry: true }), { avoid: true });
    }
    this.#behindAt = behind ? this.#handled : -1;
  }

  /** A ping has no number, so that it can be lost without a gap. */
  #ping() {
    this.#pinged = true;
    this.#acknowledged = this.#handled;
    this.#attachment.send([stamp(JSON.stringify({ ping: {} }), this.#handled)]);
  }

  /** @param {number} expiresMs */
  #renew(expiresMs) {
    void renewAccess({
      fresh: () => this.#credentials.fresh(),
      show: (token) => this.authenticate(token),
      failed: (error) => this.#listener?.failed?.(error),
      expiresMs,
      signal: this.#stop.signal,
    });
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
    clearTimeout(this.#later);
    this.#heartbeat?.stop();
    this.#attachment.close();
    this.#answers.fail(error);
    this.#listener?.ended(error);
  }
}

/**
 * @param {string} url  http(s) or ws(s), perhaps with a path under which a proxy serves Hiroba
 * @returns {string} http(s)
 */
export function signalUrl(url) {
  const signal = new URL(url);
  signal.protocol = signal.protocol.replace(/^ws/, 'http');
  signal.pathname = `${signal.pathname.replace(/\/+$/, '')}/v1/signal`;
  signal.search = '';
  signal.hash = '';
  return signal.href;
}
