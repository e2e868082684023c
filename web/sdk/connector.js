import { asHirobaError, HirobaError, isNetwork } from './errors.js';
import { Connection } from './connection.js';
import { openSession } from './transports/http.js';
import { openPoll } from './transports/poll.js';
import { openEventStream } from './transports/sse.js';
import { openWebSocket } from './transports/websocket.js';

/** @import { OpenCarrier, TransportName } from './carrier.js' */
/** @import { Credentials } from './credentials.js' */

/** @type {Record<TransportName, {open: OpenCarrier, timeoutMs: number}>} */
const TRANSPORTS = {
  websocket: { open: openWebSocket, timeoutMs: 3000 },
  // As long, because a proxy that keeps back what is not complete shows itself by silence.
  sse: { open: openEventStream, timeoutMs: 3000 },
  poll: { open: openPoll, timeoutMs: 10_000 },
};

/** Best first. @type {TransportName[]} */
const ALL = ['websocket', 'sse', 'poll'];
/** How long a transport that kept breaking is put behind the others. */
const AVOID_MS = 5 * 60_000;

/** What worked last on this page, by server. @type {Map<string, TransportName>} */
const worked = new Map();

/**
 * Connector finds a transport that gets through to the server.
 */
export class Connector {
  #credentials;
  #names;
  /** Until when, Unix milliseconds. @type {Map<TransportName, number>} */
  #avoided = new Map();
  /** When an attempt to attach failed last. */
  #strayMs = -Infinity;

  /**
   * @param {Credentials} credentials
   * @param {TransportName[]} [names]  those to use, best first
   */
  constructor(credentials, names = ALL) {
    this.#credentials = credentials;
    this.#names = names;
  }

  /**
   * Tries one transport after the other, first what worked before.
   *
   * @param {AbortSignal} signal
   * @returns {Promise<Connection>} rejects with HirobaError: the server's word, or what was found out about the network
   */
  async any(signal) {
    const known = worked.get(this.#credentials.url);
    const order = [...this.#names].sort((a, b) =>
      Number(this.#isAvoided(a)) - Number(this.#isAvoided(b)) || Number(b === known) - Number(a === known));
    /** @type {HirobaError | undefined} */
    let failed;
    for (const name of order) {
      try {
        return await this.#open(name, signal);
      } catch (thrown) {
        const error = asHirobaError(thrown, 'UNREACHABLE', `The server cannot be reached: ${thrown}`);
        if (!isNetwork(error)) throw error;
        // That something answers says more than that nothing does.
        if (!failed || failed.code !== 'MALFORMED') failed = error;
      }
    }
    throw failed ?? new HirobaError('UNREACHABLE', 'No transport was allowed. Leave `transports` out, or name one.');
  }

  /**
   * Tries what is better than a transport that works.
   *
   * @param {TransportName} name
   * @param {AbortSignal} signal
   * @returns {Promise<Connection | null>} null: nothing better gets through
   */
  async better(name, signal) {
    for (const candidate of this.#names.slice(0, this.#names.indexOf(name))) {
      if (this.#isAvoided(candidate)) continue;
      const connection = await this.#open(candidate, signal).catch(() => null);
      if (connection) return connection;
    }
    return null;
  }

  /**
   * Whether there is nothing better to hope for.
   *
   * @param {TransportName} name
   */
  isBest(name) {
    return this.#names.indexOf(name) <= 0;
  }

  /**
   * Puts a transport behind the others for a while: it connects, but does not work.
   *
   * @param {TransportName} name
   */
  avoid(name) {
    this.#avoided.set(name, Date.now() + AVOID_MS);
  }

  /**
   * Whether an attempt of our own may have fenced us; asked once for each.
   *
   * @param {number} withinMs
   */
  wasOwnStray(withinMs) {
    const own = Date.now() - this.#strayMs < withinMs;
    this.#strayMs = -Infinity;
    return own;
  }

  /**
   * @param {TransportName} name
   * @param {AbortSignal} signal
   */
  async #open(name, signal) {
    const { open, timeoutMs } = TRANSPORTS[name];
    let pass = await this.#credentials.pass();
    if (!pass.session && name !== 'websocket') {
      this.#credentials.welcomed(await openSession(pass.url, pass.access, signal));
      pass = await this.#credentials.pass();
    }
    try {
      const connection = await Connection.open(name, open, pass, { timeoutMs, signal });
      this.#credentials.welcomed(connection.welcome);
      worked.set(pass.url, name);
      return connection;
    } catch (error) {
      // The server may have let it in without our hearing of it, or may yet.
      if (pass.session) this.#strayMs = Date.now();
      throw error;
    }
  }

  /** @param {TransportName} name */
  #isAvoided(name) {
    return (this.#avoided.get(name) ?? 0) > Date.now();
  }
}
