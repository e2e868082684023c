/**
 * Sender posts a session's messages, one request at a time and in order; what
 * comes meanwhile goes together into the next one.
 */
export class Sender {
    /**
     * @param {Pass} pass
     * @param {() => string} token  the resume token of now
     * @param {CarrierCalls} calls
     * @param {AbortController} stop  aborted when all is over; a request that fails for good aborts it
     */
    constructor(pass: Pass, token: () => string, calls: CarrierCalls, stop: AbortController);
    /** @param {string[]} texts */
    send(texts: string[]): void;
    #private;
}
import type { Pass } from '../carrier.js';
import type { CarrierCalls } from '../carrier.js';
