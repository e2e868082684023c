/**
 * Tries each way to the server.
 *
 * @param {DiagnoseOptions} [options]
 * @returns {Promise<LegResult[]>} in the order of LEGS; rejects only when `signal` is aborted
 */
export function diagnose(options?: DiagnoseOptions): Promise<LegResult[]>;
/**
 * @param {HirobaError} error
 * @returns {LegCause}
 */
export function causeOf({ code }: HirobaError): LegCause;
/**
 * The servers of one kind, each with one URL.
 *
 * @param {IceServer[]} servers
 * @param {RegExp} like
 * @returns {RTCIceServer[]}
 */
export function urlsLike(servers: IceServer[], like: RegExp): RTCIceServer[];
/** @import { TransportName } from './carrier.js' */
/** @import { TokenSource } from './credentials.js' */
/** @import { IceServer } from './messages.js' */
/**
 * One thing that is tried. The names are those of `hiroba doctor`; a browser
 * cannot try TURN over DTLS.
 *
 * @typedef {'http' | 'websocket' | 'sse' | 'long-poll' | 'stun-udp' | 'media-udp' | 'ice-tcp'
 *   | 'turn-udp' | 'turn-tcp' | 'turn-tls'} Leg
 */
/**
 * Why a leg fails, as far as a browser can tell: `silent`: nothing came in
 * time; `refused`: the server said no to the credentials or the token; `full`:
 * the server is; `answer`: something else answers.
 *
 * @typedef {'silent' | 'refused' | 'full' | 'answer'} LegCause
 */
/**
 * @typedef {object} LegResult
 * @property {Leg} leg
 * @property {'works' | 'fails' | 'not-offered' | 'not-tried'} state
 * @property {number} ms  how long it took until it worked, or failed
 * @property {LegCause} [cause]
 * @property {string} detail  for who runs the server; what was tried, or went wrong
 */
/**
 * @typedef {object} DiagnoseOptions
 * @property {string} [url]  the server; this page's own unless told
 * @property {TokenSource} [token]  access token, where one is needed
 * @property {string} [room]  where media is tried; left out, where nobody else is. A token may be good for one only
 * @property {number} [timeoutMs]  how long each leg may take; 8 seconds
 * @property {AbortSignal} [signal]  gives up
 * @property {(result: LegResult) => void} [tell]  is told of each leg as soon as it is known
 */
/** All legs, in the order in which they are best shown. @type {readonly Leg[]} */
export const LEGS: readonly Leg[];
/**
 * One thing that is tried. The names are those of `hiroba doctor`; a browser
 * cannot try TURN over DTLS.
 */
export type Leg = "http" | "websocket" | "sse" | "long-poll" | "stun-udp" | "media-udp" | "ice-tcp" | "turn-udp" | "turn-tcp" | "turn-tls";
/**
 * Why a leg fails, as far as a browser can tell: `silent`: nothing came in
 * time; `refused`: the server said no to the credentials or the token; `full`:
 * the server is; `answer`: something else answers.
 */
export type LegCause = "silent" | "refused" | "full" | "answer";
export type LegResult = {
    leg: Leg;
    state: "works" | "fails" | "not-offered" | "not-tried";
    /**
     * how long it took until it worked, or failed
     */
    ms: number;
    cause?: LegCause | undefined;
    /**
     * for who runs the server; what was tried, or went wrong
     */
    detail: string;
};
export type DiagnoseOptions = {
    /**
     * the server; this page's own unless told
     */
    url?: string | undefined;
    /**
     * access token, where one is needed
     */
    token?: TokenSource | undefined;
    /**
     * where media is tried; left out, where nobody else is. A token may be good for one only
     */
    room?: string | undefined;
    /**
     * how long each leg may take; 8 seconds
     */
    timeoutMs?: number | undefined;
    /**
     * gives up
     */
    signal?: AbortSignal | undefined;
    /**
     * is told of each leg as soon as it is known
     */
    tell?: ((result: LegResult) => void) | undefined;
};
import { HirobaError } from './errors.js';
import type { IceServer } from './messages.js';
import type { TokenSource } from './credentials.js';
