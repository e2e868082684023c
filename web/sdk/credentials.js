import { HirobaError } from './errors.js';

/** @import { Pass } from './carrier.js' */
/** @import * as wire from './messages.js' */

/** An access token, or what gets one: asked again whenever a fresh one is needed. @typedef {string | (() => string | Promise<string>)} TokenSource */

/** A token this close to its end is not worth sending. */
const NEARLY_MS = 5000;

/**
 * Credentials are the tokens by which this client opens its session and comes
 * back to it. They are secrets, and are told to nobody but the server.
 */
export class Credentials {
  #source;
  #after;
  #session = '';
  #resume = '';
  #access = '';
  /** What the session was opened with or told last. */
  #known = '';

  /**
   * @param {string} url  http(s) address of /v1/signal
   * @param {TokenSource} source  of access tokens; '' for none
   * @param {() => number} after  the highest number of the server's that was handled
   */
  constructor(url, source, after) {
    /** @readonly */
    this.url = url;
    this.#source = source;
    this.#after = after;
  }

  /** Whether there is a session to come back to. */
  get opened() {
    return this.#session !== '';
  }

  /** @returns {Promise<Pass>} for the next connection */
  async pass() {
    if (!this.#access || this.#expires() - Date.now() < NEARLY_MS) await this.#ask();
    const access = this.#session && this.#access === this.#known ? '' : this.#access;
    return { ...this.now, access };
  }

  /** The same without asking the application for anything. @type {Pass} */
  get now() {
    return { url: this.url, session: this.#session, resume: this.#resume, access: '', after: this.#after };
  }

  /**
   * Takes what a welcome brings, which says as well that the access was good.
   *
   * @param {wire.Welcome} welcome
   */
  welcomed({ session, resume }) {
    this.#session = session || this.#session;
    this.#resume = resume || this.#resume;
    this.#known = this.#access;
  }

  /**
   * Gets a fresh access token where the application gives them out by a function.
   *
   * @returns {Promise<string>} '' when there is no fresh one
   */
  async fresh() {
    const before = this.#access;
    await this.#ask();
    return this.#access === before ? '' : this.#access;
  }

  /**
   * Takes an access token that the application has got by itself.
   *
   * @param {string} token
   */
  replace(token) {
    this.#access = checked(token);
    if (typeof this.#source === 'string') this.#source = token;
  }

  /** The server has taken the present access token. */
  accepted() {
    this.#known = this.#access;
  }

  async #ask() {
    try {
      this.#access = checked(typeof this.#source === 'string' ? this.#source : await this.#source());
    } catch (cause) {
      if (cause instanceof HirobaError) throw cause;
      throw new HirobaError('ACCESS_REQUIRED', `The application could not get an access token: ${cause}`, { retry: true, cause });
    }
  }

  /** @returns {number} Unix milliseconds; Infinity when the token does not say */
  #expires() {
    try {
      const claims = JSON.parse(atob((this.#access.split('.')[1] ?? '').replace(/-/g, '+').replace(/_/g, '/')));
      return typeof claims.exp === 'number' ? claims.exp * 1000 : Infinity;
    } catch {
      return Infinity;
    }
  }
}

/**
 * A token goes into a header and a subprotocol, where not every character may stand.
 *
 * @param {string} token
 */
function checked(token) {
  if (typeof token === 'string' && /^[\w.-]*$/u.test(token)) return token;
  throw new HirobaError('ACCESS_DENIED', 'The access token has characters that no JWT has. Check where it comes from.');
}
