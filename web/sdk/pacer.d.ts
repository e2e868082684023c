/**
 * Pacer keeps what a client sends within the server's limit of messages per
 * second: what comes too fast would be refused there, its number used up. It
 * stays somewhat below, because pings and time on the way count, too.
 */
export class Pacer {
    /** @param {number} perSecond  the server's limit; it lets a burst of twice as many through */
    limit(perSecond: number): void;
    /**
     * @param {number} bytes  of the message that is next
     * @param {number} now  milliseconds
     * @returns {number} 0: send it; else how many milliseconds to wait before asking again
     */
    take(bytes: number, now: number): number;
    #private;
}
