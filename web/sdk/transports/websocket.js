import { HirobaError } from '../errors.js';

/** @import { Carrier, CarrierCalls, Pass } from '../carrier.js' */
/** @import { ErrorCode, ServerMessage } from '../messages.js' */

const SUBPROTOCOL = 'hiroba.v1.json';

/**
 * Close codes (4000 + error code) that mean more than that the connection is
 * gone, in case the error itself did not come through.
 *
 * @type {Record<number, {code: ErrorCode, retry: boolean}>}
 */
const CLOSED_FOR = {
  4002: { code: 'JOIN_FIRST', retry: false },
  4007: { code: 'TOO_MANY_MESSAGES', retry: true },
  4017: { code: 'SLOW', retry: true },
  4020: { code: 'SHUTTING_DOWN', retry: true },
  4022: { code: 'ACCESS_REQUIRED', retry: false },
  4023: { code: 'ACCESS_DENIED', retry: false },
  4024: { code: 'ACCESS_EXPIRED', retry: false },
  4029: { code: 'REMOVED', retry: false },
  4030: { code: 'ROOM_ENDED', retry: false },
  4031: { code: 'NO_SUCH_SESSION', retry: true },
  4032: { code: 'FENCED', retry: false },
};

/**
 * Carries a session over a WebSocket (RFC 6455), one message per text frame.
 * A browser's WebSocket has no headers, so the tokens are offered as
 * subprotocols; the server picks the real one.
 *
 * @param {Pass} pass
 * @param {CarrierCalls} calls
 * @returns {Carrier}
 */
export function openWebSocket({ url, session, resume, access, after }, calls) {
  const protocols = [SUBPROTOCOL];
  if (session) protocols.push(`hiroba.resume.${resume}`);
  if (access) protocols.push(`hiroba.access.${access}`);
  const socket = new WebSocket(address(url, session, after()), protocols);
  const stop = new AbortController();

  /** @param {HirobaError} [error] */
  const end = (error) => {
    if (stop.signal.aborted) return;
    stop.abort();
    socket.close();
    if (error) calls.closed(error);
  };
  socket.addEventListener('message', ({ data }) => {
    const message = parse(data);
    if (message) calls.message(message);
    else end(new HirobaError('MALFORMED',
      `What answers at ${new URL(url).host} does not speak Hiroba's protocol. Check the address and the server's version.`));
  }, { signal: stop.signal });
  socket.addEventListener('close', ({ code, reason }) => end(closed(code, reason)), { signal: stop.signal });

  return {
    silent: true,
    send: (texts) => {
      for (const text of texts) socket.send(text);
    },
    close: () => end(),
  };
}

/**
 * @param {string} url
 * @param {string} session
 * @param {number} after
 */
function address(url, session, after) {
  const ws = url.replace(/^http/, 'ws');
  return session ? `${ws}/${encodeURIComponent(session)}?after=${after}` : ws;
}

/**
 * @param {number} code
 * @param {string} reason
 */
function closed(code, reason) {
  const meant = CLOSED_FOR[code];
  if (meant) return new HirobaError(meant.code, reason || `The server ended the connection (${meant.code}).`, { retry: meant.retry });
  const why = reason ? `${reason} (code ${code})` : `code ${code}`;
  return new HirobaError('LINK_LOST', `The WebSocket to the server was closed: ${why}.`, { retry: true });
}

/**
 * @param {unknown} data
 * @returns {ServerMessage | null} null when it is no message
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
