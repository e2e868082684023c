import { Backoff } from './backoff.js';
import { Connector } from './connector.js';
import { asHirobaError, HirobaError, isNetwork } from './errors.js';
import { sleep } from './sleep.js';
import { deleteSession } from './transports/http.js';
import { onWake } from './wake.js';

/** @import { TransportName } from './carrier.js' */
/** @import { Connection } from './connection.js' */
/** @import { Credentials } from './credentials.js' */
/** @import * as wire from './messages.js' */

/**
 * How it goes with the way back to the server.
 *
 * @typedef {object} Reconnecting
 * @property {number} attempt  1, 2, 3…
 * @property {number} waitMs  until that attempt
 * @property {HirobaError} error  why the connection, or the last attempt, failed
 */

/**
 * @typedef {object} AttachmentCalls
 * @property {(welcome: wire.Welcome) => void} attached  messages can be sent; comes before all that is received
 * @property {(message: wire.ServerMessage) => void} message
 * @property {(received: number) => void} received  the server has taken the messages up to this number
 * @property {(how: Reconnecting) => void} away  nothing can be sent for now
 * @property {(error: HirobaError) => void} ended  for good; comes once, and not after close()
 * @property {() => void} woken  the page or the network is back: is the connection still good?
 */

const DEFAULT_DETACHED_MS = 60_000;
/** A connection that lived this long was a good one. */
const STEADY_MS = 10_000;
/** So many bad ones in a row, and another transport has its turn. */
const MOST_UNSTEADY = 3;
/** How long after an attempt of our own its fencing may come. */
const STRAY_MS = 30_000;
const UPGRADE = { firstMs: 30_000, mostMs: 5 * 60_000 };

/**
 * Attachment keeps a session attached: it falls back to other transports,
 * comes back after a loss for as long as the session lives, and moves up again
 * to a better transport, which takes over before the old one is let go.
 */
export class Attachment {
  #credentials;
  #connector;
  #calls;
  /** @type {Connection | null} */
  #current = null;
  #attachedMs = 0;
  #detachedMs = DEFAULT_DETACHED_MS;
  #unsteady = 0;
  #backoff;
  #upgradePause;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #upgradeTimer;
  /** The move to a better transport that is under way. @type {Promise<void> | null} */
  #upgrading = null;
  /** Ends the present pause. */
  #hurry = new AbortController();
  #stop = new AbortController();

  /**
   * @param {Credentials} credentials
   * @param {AttachmentCalls} calls
   * @param {{transports?: TransportName[], random?: () => number}} [options]
   */
  constructor(credentials, calls, { transports, random } = {}) {
    this.#credentials = credentials;
    this.#connector = new Connector(credentials, transports);
    this.#calls = calls;
    this.#backoff = new Backoff({ random });
    this.#upgradePause = new Backoff({ ...UPGRADE, random });
    onWake(() => {
      this.#hurry.abort();
      if (this.#current) calls.woken();
    }, this.#stop.signal);
  }

  /**
   * Opens the session.
   *
   * @returns {Promise<void>} resolves after attached(); rejects with HirobaError
   */
  async open() {
    const connection = await this.#connector.any(this.#stop.signal);
    if (this.#stop.signal.aborted) return this.#discard(connection);
    this.#adopt(connection);
  }

  /** What carries the session now; '' while nothing does. @returns {TransportName | ''} */
  get transport() {
    return this.#current?.name ?? '';
  }

  /** Whether the connection wants pings. */
  get silent() {
    return this.#current?.silent ?? false;
  }

  /**
   * Sends what it can; what it cannot is to be sent again after attached().
   *
   * @param {string[]} texts
   */
  send(texts) {
    this.#current?.send(texts);
  }

  /**
   * Gives up the present connection, which does not work, for another one.
   *
   * @param {HirobaError} error
   * @param {{avoid?: boolean}} [options]  avoid: this transport does not suit this network
   */
  drop(error, { avoid = false } = {}) {
    const connection = this.#current;
    if (!connection) return;
    connection.close();
    if (avoid) this.#connector.avoid(connection.name);
    this.#lost(connection, error);
  }

  /**
   * Ends the session, even while the page goes away.
   *
   * @param {string} leave  the message that says so; '' when it cannot be sent now
   */
  farewell(leave) {
    if (leave && this.transport === 'websocket') this.send([leave]);
    else if (this.#credentials.opened) deleteSession(this.#credentials.now);
    this.close();
  }

  close() {
    this.#stop.abort();
    this.#hurry.abort();
    clearTimeout(this.#upgradeTimer);
    this.#current?.close();
    this.#current = null;
  }

  get #over() {
    return this.#stop.signal.aborted;
  }

  /** @param {Connection} connection  that came too late */
  #discard(connection) {
    connection.close();
    deleteSession(this.#credentials.now);
  }

  /** @param {Connection} connection */
  #adopt(connection) {
    this.#current?.close();
    this.#current = connection;
    this.#attachedMs = Date.now();
    this.#detachedMs = connection.welcome.detachedMs || this.#detachedMs;
    this.#calls.attached(connection.welcome);
    connection.listen({
      message: (message) => this.#calls.message(message),
      received: (received) => this.#calls.received(received),
      closed: (error) => this.#lost(connection, error),
    });
    this.#planUpgrade();
  }

  /**
   * @param {Connection} connection
   * @param {HirobaError} error
   */
  #lost(connection, error) {
    if (this.#over || connection !== this.#current) return;
    this.#current = null;
    clearTimeout(this.#upgradeTimer);
    if (error.code === 'FENCED' ? !this.#fencedByUs() : !isNetwork(error)) return this.#end(error);
    if (Date.now() - this.#attachedMs >= STEADY_MS) {
      this.#unsteady = 0;
    } else if (++this.#unsteady >= MOST_UNSTEADY) {
      this.#unsteady = 0;
      this.#connector.avoid(connection.name);
    }
    void this.#reconnect(error);
  }

  /** Whether it is one of our own connections that has taken over. */
  #fencedByUs() {
    return this.#upgrading !== null || this.#connector.wasOwnStray(STRAY_MS);
  }

  /** @param {HirobaError} error */
  async #reconnect(error) {
    const deadline = Date.now() + this.#detachedMs;
    this.#backoff.reset();
    // The first attempt is made at once, unless this happens again and again.
    let waitMs = this.#unsteady < 2 ? 0 : this.#backoff.next();
    for (let attempt = 1; ; attempt++) {
      this.#calls.away({ attempt, waitMs, error });
      if (this.#over) return;
      await this.#pause(waitMs);
      // A better connection may be on its way already.
      await this.#upgrading;
      if (this.#over || this.#current) return;
      try {
        const connection = await this.#connector.any(this.#stop.signal);
        if (this.#over) return connection.close();
        return this.#adopt(connection);
      } catch (thrown) {
        if (this.#over) return;
        error = asHirobaError(thrown, 'INTERNAL', `The way back to the server failed: ${thrown}`);
      }
      if (!await this.#mayTryAgain(error)) return this.#end(error);
      if (Date.now() >= deadline) return this.#end(error);
      waitMs = Math.min(Math.max(this.#backoff.next(), error.retryAfterMs), deadline - Date.now());
    }
  }

  /**
   * Whether another attempt makes sense after this one.
   *
   * @param {HirobaError} error
   */
  async #mayTryAgain(error) {
    if (isNetwork(error)) return true;
    if (error.code === 'NO_SUCH_SESSION') return false;
    if (error.code === 'FENCED') return this.#fencedByUs();
    // An access token that was good once may have run out.
    if (error.code === 'ACCESS_EXPIRED' || error.code === 'ACCESS_DENIED') {
      return await this.#credentials.fresh().catch(() => '') !== '';
    }
    return error.retry;
  }

  #planUpgrade() {
    clearTimeout(this.#upgradeTimer);
    const name = this.transport;
    if (name === '' || this.#over) return;
    if (this.#connector.isBest(name)) return this.#upgradePause.reset();
    this.#upgradeTimer = setTimeout(() => {
      this.#upgrading = this.#upgrade().finally(() => {
        this.#upgrading = null;
      });
    }, this.#upgradePause.next());
  }

  async #upgrade() {
    const name = this.transport;
    if (name === '') return;
    const connection = await this.#connector.better(name, this.#stop.signal);
    if (!connection) return this.#planUpgrade();
    if (this.#over) return connection.close();
    this.#adopt(connection);
  }

  /** @param {number} ms */
  async #pause(ms) {
    if (ms <= 0) return;
    this.#hurry = new AbortController();
    await sleep(ms, this.#hurry.signal);
  }

  /** @param {HirobaError} error */
  #end(error) {
    if (this.#over) return;
    this.close();
    this.#calls.ended(final(error));
  }
}

/**
 * The same to whom it is over.
 *
 * @param {HirobaError} error
 */
function final(error) {
  if (isNetwork(error) || error.code === 'NO_SUCH_SESSION') {
    return new HirobaError('LINK_LOST',
      `The link to the server was lost: ${error.message} Check your connection and join again.`, { retry: true, cause: error });
  }
  if (error.code === 'FENCED') {
    return new HirobaError('FENCED', 'Another connection has taken over this session. The call goes on there.');
  }
  return error;
}
