/**
 * Makes a HirobaError of what the server said.
 *
 * @param {import('./messages.js').Error} error
 */
export function serverError({ code, message, retry }: import("./messages.js").Error): HirobaError;
/**
 * Wraps whatever was thrown; a HirobaError stays as it is.
 *
 * @param {unknown} thrown
 * @param {HirobaErrorCode} code
 * @param {string} message
 */
export function asHirobaError(thrown: unknown, code: HirobaErrorCode, message: string): HirobaError;
/**
 * What the SDK itself can fail with; the server's own codes come on top.
 *
 * - `UNSUPPORTED`: this browser has no WebRTC.
 * - `UNREACHABLE`: no Hiroba server answered at the address.
 * - `LINK_LOST`: the signaling link broke; the room is over for this client.
 * - `MEDIA_UNREACHABLE`: no media path to the server works now; it is tried again by itself.
 * - `TIMEOUT`: the server took too long to answer.
 * - `CLOSED`: the room was left before this could be done.
 * - `CHANNEL_CLOSED`: the DataChannel is gone although the room is not.
 * - `BAD_FRAME`: bytes came in over a DataChannel that are no DataFrame.
 *
 * @typedef {import('./messages.js').ErrorCode
 *   | 'UNSUPPORTED' | 'UNREACHABLE' | 'LINK_LOST' | 'MEDIA_UNREACHABLE'
 *   | 'TIMEOUT' | 'CLOSED' | 'CHANNEL_CLOSED' | 'BAD_FRAME'} HirobaErrorCode
 */
/**
 * HirobaError says in one sentence for a person what happened and what to do.
 * Whatever fails on its way to the room fails with one; programs look at `code`.
 */
export class HirobaError extends Error {
    /**
     * @param {HirobaErrorCode} code
     * @param {string} message
     * @param {{retry?: boolean, cause?: unknown}} [more]
     */
    constructor(code: HirobaErrorCode, message: string, { retry, cause }?: {
        retry?: boolean;
        cause?: unknown;
    });
    /** @readonly */
    readonly name: string;
    /** @readonly @type {HirobaErrorCode} */
    readonly code: HirobaErrorCode;
    /** Whether the same thing may succeed later. @readonly */
    readonly retry: boolean;
}
/**
 * What the SDK itself can fail with; the server's own codes come on top.
 *
 * - `UNSUPPORTED`: this browser has no WebRTC.
 * - `UNREACHABLE`: no Hiroba server answered at the address.
 * - `LINK_LOST`: the signaling link broke; the room is over for this client.
 * - `MEDIA_UNREACHABLE`: no media path to the server works now; it is tried again by itself.
 * - `TIMEOUT`: the server took too long to answer.
 * - `CLOSED`: the room was left before this could be done.
 * - `CHANNEL_CLOSED`: the DataChannel is gone although the room is not.
 * - `BAD_FRAME`: bytes came in over a DataChannel that are no DataFrame.
 */
export type HirobaErrorCode = import("./messages.js").ErrorCode | "UNSUPPORTED" | "UNREACHABLE" | "LINK_LOST" | "MEDIA_UNREACHABLE" | "TIMEOUT" | "CLOSED" | "CHANNEL_CLOSED" | "BAD_FRAME";
