/**
 * Backoff says how long to wait before the next try: twice as long every time,
 * with up to a half on top by chance, so that clients that lost the same server
 * do not come back all at once.
 */
export class Backoff {
    /**
     * @param {{firstMs?: number, mostMs?: number, random?: () => number}} [bounds]  no
     *   pause is shorter or longer than these
     */
    constructor({ firstMs, mostMs, random }?: {
        firstMs?: number;
        mostMs?: number;
        random?: () => number;
    });
    /** @returns {number} milliseconds */
    next(): number;
    /** All is well: the next pause is the shortest again. */
    reset(): void;
    #private;
}
