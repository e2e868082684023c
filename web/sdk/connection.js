import { HirobaError, serverError } from './errors.js';

/** @import { Carrier, CarrierCalls, OpenCarrier, Pass, TransportName } from './carrier.js' */
/** @import * as wire from './messages.js' */

/**
 * Connection is one carrier from its welcome to its end. What comes before
 * somebody listens is kept.
 */
export class Connection {
  /** @type {Carrier} */
  #carrier;
  /** @type {CarrierCalls | null} */
  #calls = null;
  /** @type {((calls: CarrierCalls) => void)[]} */
  #early = [];
  /** Settles open(). @type {((outcome: wire.Welcome | HirobaError) => void) | null} */
  #opened;
  #over = false;
  /** @type {wire.Welcome} */
  welcome = {};

  /**
   * Opens a connection and waits for its welcome.
   *
   * @param {TransportName} name
   * @param {OpenCarrier} open
   * @param {Pass} pass
   * @param {{timeoutMs: number, signal: AbortSignal}} bounds
   * @returns {Promise<Connection>} rejects with HirobaError: the server's word, or why there is no connection
   */
  static open(name, open, pass, { timeoutMs, signal }) {
    return new Promise((resolve, reject) => {
      /** @type {Connection | undefined} */
      let connection;
      const end = (/** @type {HirobaError} */ error) => {
        clearTimeout(timer);
        signal.removeEventListener('abort', abort);
        connection?.close();
        reject(error);
      };
      const timer = setTimeout(() => end(new HirobaError('UNREACHABLE',
        `The server at ${new URL(pass.url).host} did not answer within ${timeoutMs / 1000} seconds. `
        + 'Check your connection and that the server runs, then try again.', { retry: true })), timeoutMs);
      const abort = () => end(new HirobaError('CLOSED', 'This was given up.'));
      signal.addEventListener('abort', abort);
      try {
        connection = new Connection(name, open, pass, (outcome) => {
          if (outcome instanceof HirobaError || !connection) return end(/** @type {HirobaError} */ (outcome));
          clearTimeout(timer);
          signal.removeEventListener('abort', abort);
          connection.welcome = outcome;
          resolve(connection);
        });
      } catch (cause) {
        end(new HirobaError('UNREACHABLE', `The browser does not connect to ${pass.url}: ${cause}`, { retry: true, cause }));
      }
    });
  }

  /**
   * @private
   * @param {TransportName} name
   * @param {OpenCarrier} open
   * @param {Pass} pass
   * @param {(outcome: wire.Welcome | HirobaError) => void} opened
   */
  constructor(name, open, pass, opened) {
    /** @readonly */
    this.name = name;
    this.#opened = opened;
    this.#carrier = open(pass, {
      message: (message) => this.#message(message),
      received: (received) => this.#tell((calls) => calls.received(received)),
      closed: (error) => this.#close(error),
    });
  }

  /** Whether it has to be pinged. */
  get silent() {
    return this.#carrier.silent;
  }

  /**
   * Hands on what comes, and first what came already.
   *
   * @param {CarrierCalls} calls
   */
  listen(calls) {
    this.#calls = calls;
    for (const tell of this.#early.splice(0)) tell(calls);
  }

  /** @param {string[]} texts */
  send(texts) {
    if (!this.#over && texts.length > 0) this.#carrier.send(texts);
  }

  /** Ends it; nothing is told any more. */
  close() {
    this.#calls = null;
    this.#over = true;
    this.#carrier.close();
  }

  /** @param {wire.ServerMessage} message */
  #message(message) {
    if (this.#over) return;
    const { welcome, error, re } = message;
    // Both are about this connection: the session goes on.
    if (error && !re && (error.code === 'FENCED' || error.code === 'SILENT')) {
      this.#carrier.close();
      this.#close(error.code === 'FENCED' ? serverError(error) : new HirobaError('LINK_LOST', error.message ?? '', { retry: true }));
    } else if (this.#opened) {
      const opened = this.#opened;
      if (welcome) {
        this.#opened = null;
        opened(welcome);
      } else if (error) {
        this.#close(serverError(error));
      }
    } else {
      this.#tell((calls) => calls.message(message));
    }
  }

  /** @param {HirobaError} error */
  #close(error) {
    if (this.#over) return;
    this.#over = true;
    const opened = this.#opened;
    this.#opened = null;
    if (opened) opened(error);
    else this.#tell((calls) => calls.closed(error));
  }

  /** @param {(calls: CarrierCalls) => void} what */
  #tell(what) {
    if (this.#calls) what(this.#calls);
    else this.#early.push(what);
  }
}
