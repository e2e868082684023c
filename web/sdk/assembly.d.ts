/** @import { DataFrame } from './frame.js' */
/** The most bytes of a message in parts. */
export const MAX_MESSAGE: number;
/**
 * @typedef {object} Unfinished
 * @property {DataFrame} first
 * @property {Uint8Array[]} parts
 * @property {number} bytes
 * @property {number} total
 */
/** @typedef {{messages: Map<number, Unfinished>, bytes: number, heardMs: number}} Sender */
/**
 * Assembly puts messages in parts together again. What it holds is bounded
 * whatever comes: parts are kept as they arrive, so that a total that is only
 * claimed costs nothing. It is pure: times are given to it.
 */
export class Assembly {
    /** How many senders have something unfinished. */
    get senders(): number;
    /** How many bytes are kept. */
    get bytes(): number;
    /**
     * Takes a frame with a part.
     *
     * @param {number} nowMs
     * @param {DataFrame} frame
     * @returns {{whole?: DataFrame, received?: number, dropped?: HirobaError}} the message, when it
     *   is whole by this; how much of it there is, when that has grown; what was given up, once for
     *   each message: later parts of it are passed over
     */
    take(nowMs: number, frame: DataFrame): {
        whole?: DataFrame;
        received?: number;
        dropped?: HirobaError;
    };
    /**
     * Gives up what is unfinished of senders that went silent.
     *
     * @param {number} nowMs
     * @returns {HirobaError[]}
     */
    sweep(nowMs: number): HirobaError[];
    #private;
}
export type Unfinished = {
    first: DataFrame;
    parts: Uint8Array[];
    bytes: number;
    total: number;
};
export type Sender = {
    messages: Map<number, Unfinished>;
    bytes: number;
    heardMs: number;
};
import type { DataFrame } from './frame.js';
import { HirobaError } from './errors.js';
