/**
 * The part of RTCDataChannel that a Channel needs.
 *
 * @typedef {Pick<RTCDataChannel, 'label' | 'readyState' | 'binaryType' | 'bufferedAmount'
 *   | 'bufferedAmountLowThreshold' | 'addEventListener' | 'send'>} DataChannel
 */
/**
 * Channel sends whole messages over one DataChannel, in the order of the calls,
 * and makes the caller wait while the browser holds more than 1 MiB unsent.
 * Parts of large messages have a line of their own, in which they wait until
 * the browser holds no more than 64 KiB.
 */
export class Channel {
    /**
     * @param {DataChannel} channel
     * @param {(bytes: Uint8Array<ArrayBuffer>) => void} received
     * @param {(error: HirobaError) => void} [gone]  the channel was closed
     */
    constructor(channel: DataChannel, received: (bytes: Uint8Array<ArrayBuffer>) => void, gone?: (error: HirobaError) => void);
    /**
     * @param {Uint8Array<ArrayBuffer>} bytes
     * @param {'message' | 'part'} [line]
     * @returns {Promise<void>} resolves when the browser took it; rejects with
     *   HirobaError CLOSED or CHANNEL_CLOSED
     */
    send(bytes: Uint8Array<ArrayBuffer>, line?: "message" | "part"): Promise<void>;
    /** Fails all that waits and hears nothing more; the PeerConnection closes the channel itself. */
    close(): void;
    #private;
}
/**
 * The part of RTCDataChannel that a Channel needs.
 */
export type DataChannel = Pick<RTCDataChannel, "label" | "readyState" | "binaryType" | "bufferedAmount" | "bufferedAmountLowThreshold" | "addEventListener" | "send">;
import { HirobaError } from './errors.js';
