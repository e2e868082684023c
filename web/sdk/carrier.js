// What a transport has to offer, and what it is told. Types only; no code is loaded from here.

/** @import { HirobaError } from './errors.js' */
/** @import * as wire from './messages.js' */

/**
 * `websocket`: both ways at once; `sse`: a stream to read and requests to
 * write; `poll`: requests that wait for something to read, and others to write.
 *
 * @typedef {'websocket' | 'sse' | 'poll'} TransportName
 */

/**
 * Which session to carry, and by what right. The tokens are secrets: they go
 * into headers and subprotocols, never into an address.
 *
 * @typedef {object} Pass
 * @property {string} url  http(s) address of /v1/signal
 * @property {string} session  its name; empty opens a new one, which only a WebSocket does by itself
 * @property {string} resume  the session's newest resume token
 * @property {string} access  an access token that the session does not know yet, or ''
 * @property {() => number} after  the highest number of the server's that was handled
 */

/**
 * @typedef {object} CarrierCalls
 * @property {(message: wire.ServerMessage) => void} message  in order; the first is `welcome`
 * @property {(received: number) => void} received  the server has taken the messages up to this number
 * @property {(error: HirobaError) => void} closed  comes once, and not after close()
 */

/**
 * Carrier is one connection that carries a session.
 *
 * @typedef {object} Carrier
 * @property {boolean} silent  nothing is heard unless one asks: it wants pings
 * @property {(texts: string[]) => void} send  after the welcome; in order
 * @property {() => void} close
 */

/** @typedef {(pass: Pass, calls: CarrierCalls) => Carrier} OpenCarrier */

export {};
