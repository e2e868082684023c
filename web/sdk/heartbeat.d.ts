/**
 * Heartbeat pings at a steady pace and finds out when nobody is there any more:
 * after two pings in a row with nothing heard in between, that is two periods
 * after the first of them. It counts pings instead of looking at the clock, so a
 * page that was asleep does not take its own silence for the server's.
 */
export class Heartbeat {
    /**
     * @param {number} periodMs
     * @param {{ping: () => void, dead: () => void}} calls  dead comes at most once
     */
    constructor(periodMs: number, calls: {
        ping: () => void;
        dead: () => void;
    });
    /** Anything at all came from the other side. */
    heard(): void;
    /** There is reason to doubt that somebody is there: finds out within 5 seconds. */
    probe(): void;
    stop(): void;
    #private;
}
