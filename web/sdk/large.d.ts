/**
 * What of a message has yet to be sent.
 *
 * @typedef {object} Rest
 * @property {number} message
 * @property {string[]} to
 * @property {string} topic
 * @property {Blob | Uint8Array} payload  from the offset `from` on
 * @property {number} from
 * @property {number} total
 * @property {(sent: number, total: number) => void} [onProgress]
 */
/**
 * Parts of a message on their way to the same receivers.
 *
 * @typedef {object} Run
 * @property {Rest} what
 * @property {Set<string> | null} named  those who still get it; null: everybody
 * @property {number} ready  parts may go out up to a window beyond this
 * @property {Rest} [left]  with which the last of those named fell behind
 * @property {HirobaError} [failed]
 * @property {() => void} changed  called when one of these has
 */
/**
 * Large sends messages that are too large for a frame in parts, a few at a
 * time by turns, no faster than the server takes them. It waits for those who
 * keep up; the others get the rest afterwards, each at its own pace.
 */
export class Large {
    /**
     * @param {(frame: Uint8Array<ArrayBuffer>) => Promise<void>} sendPart
     * @param {(peer: string, topic: string) => void} missed  it does not get a message
     */
    constructor(sendPart: (frame: Uint8Array<ArrayBuffer>) => Promise<void>, missed: (peer: string, topic: string) => void);
    /**
     * @param {{to: string[], topic: string, payload: Blob | Uint8Array,
     *   onProgress?: (sent: number, total: number) => void}} message
     * @returns {Promise<void>} resolves when all of it is on its way to everybody who keeps up
     */
    send({ to, topic, payload, onProgress }: {
        to: string[];
        topic: string;
        payload: Blob | Uint8Array;
        onProgress?: (sent: number, total: number) => void;
    }): Promise<void>;
    /**
     * The server tells how far a run got.
     *
     * @param {Progress} progress
     */
    heard({ run: id, state, offset, peer }: Progress): void;
    /**
     * Fails all that is under way.
     *
     * @param {HirobaError} error
     */
    close(error: HirobaError): void;
    #private;
}
/**
 * What of a message has yet to be sent.
 */
export type Rest = {
    message: number;
    to: string[];
    topic: string;
    /**
     * from the offset `from` on
     */
    payload: Blob | Uint8Array;
    from: number;
    total: number;
    onProgress?: ((sent: number, total: number) => void) | undefined;
};
/**
 * Parts of a message on their way to the same receivers.
 */
export type Run = {
    what: Rest;
    /**
     * those who still get it; null: everybody
     */
    named: Set<string> | null;
    /**
     * parts may go out up to a window beyond this
     */
    ready: number;
    /**
     * with which the last of those named fell behind
     */
    left?: Rest | undefined;
    failed?: HirobaError | undefined;
    /**
     * called when one of these has
     */
    changed: () => void;
};
import type { Progress } from './frame.js';
import { HirobaError } from './errors.js';
