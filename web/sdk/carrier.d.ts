/**
 * `websocket`: both ways at once; `sse`: a stream to read and requests to
 * write; `poll`: requests that wait for something to read, and others to write.
 */
export type TransportName = "websocket" | "sse" | "poll";
/**
 * Which session to carry, and by what right. The tokens are secrets: they go
 * into headers and subprotocols, never into an address.
 */
export type Pass = {
    /**
     * http(s) address of /v1/signal
     */
    url: string;
    /**
     * its name; empty opens a new one, which only a WebSocket does by itself
     */
    session: string;
    /**
     * the session's newest resume token
     */
    resume: string;
    /**
     * an access token that the session does not know yet, or ''
     */
    access: string;
    /**
     * the highest number of the server's that was handled
     */
    after: () => number;
};
export type CarrierCalls = {
    /**
     * in order; the first is `welcome`
     */
    message: (message: wire.ServerMessage) => void;
    /**
     * the server has taken the messages up to this number
     */
    received: (received: number) => void;
    /**
     * comes once, and not after close()
     */
    closed: (error: HirobaError) => void;
};
/**
 * Carrier is one connection that carries a session.
 */
export type Carrier = {
    /**
     * nothing is heard unless one asks: it wants pings
     */
    silent: boolean;
    /**
     * after the welcome; in order
     */
    send: (texts: string[]) => void;
    close: () => void;
};
export type OpenCarrier = (pass: Pass, calls: CarrierCalls) => Carrier;
import type * as wire from './messages.js';
import type { HirobaError } from './errors.js';
