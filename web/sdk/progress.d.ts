/**
 * How receiving gets on: what a receiver has got so far, and whether more comes.
 */
/**
 * What a receiver has received since it began.
 *
 * @typedef {object} Progress
 * @property {number} packets
 * @property {number} frames  pictures decoded; 0 for audio
 */
/**
 * @param {RTCRtpReceiver} receiver
 * @returns {Promise<Progress>}
 */
export function progressOf(receiver: RTCRtpReceiver): Promise<Progress>;
/**
 * Steady tells for how long a value has been the same.
 *
 * @template Value
 */
export class Steady<Value> {
    /**
     * @param {number} now  ms
     * @param {Value} value
     */
    constructor(now: number, value: Value);
    /**
     * @param {number} now  ms
     * @param {Value} value  what it is now
     * @returns {number} for how long it has been that, in ms
     */
    look(now: number, value: Value): number;
    #private;
}
/**
 * What a receiver has received since it began.
 */
export type Progress = {
    packets: number;
    /**
     * pictures decoded; 0 for audio
     */
    frames: number;
};
