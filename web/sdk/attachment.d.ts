/**
 * Attachment keeps a session attached: it falls back to other transports,
 * comes back after a loss for as long as the session lives, and moves up again
 * to a better transport, which takes over before the old one is let go.
 */
export class Attachment {
    /**
     * @param {Credentials} credentials
     * @param {AttachmentCalls} calls
     * @param {{transports?: TransportName[], random?: () => number}} [options]
     */
    constructor(credentials: Credentials, calls: AttachmentCalls, { transports, random }?: {
        transports?: TransportName[];
        random?: () => number;
    });
    /**
     * Opens the session.
     *
     * @returns {Promise<void>} resolves after attached(); rejects with HirobaError
     */
    open(): Promise<void>;
    /** What carries the session now; '' while nothing does. @returns {TransportName | ''} */
    get transport(): TransportName | "";
    /** Whether the connection wants pings. */
    get silent(): boolean;
    /**
     * Sends what it can; what it cannot is to be sent again after attached().
     *
     * @param {string[]} texts
     */
    send(texts: string[]): void;
    /**
     * Gives up the present connection, which does not work, for another one.
     *
     * @param {HirobaError} error
     * @param {{avoid?: boolean}} [options]  avoid: this transport does not suit this network
     */
    drop(error: HirobaError, { avoid }?: {
        avoid?: boolean;
    }): void;
    /**
     * Ends the session, even while the page goes away.
     *
     * @param {string} leave  the message that says so; '' when it cannot be sent now
     */
    farewell(leave: string): void;
    close(): void;
    #private;
}
/**
 * How it goes with the way back to the server.
 */
export type Reconnecting = {
    /**
     * 1, 2, 3…
     */
    attempt: number;
    /**
     * until that attempt
     */
    waitMs: number;
    /**
     * why the connection, or the last attempt, failed
     */
    error: HirobaError;
};
export type AttachmentCalls = {
    /**
     * messages can be sent; comes before all that is received
     */
    attached: (welcome: wire.Welcome) => void;
    message: (message: wire.ServerMessage) => void;
    /**
     * the server has taken the messages up to this number
     */
    received: (received: number) => void;
    /**
     * nothing can be sent for now
     */
    away: (how: Reconnecting) => void;
    /**
     * for good; comes once, and not after close()
     */
    ended: (error: HirobaError) => void;
    /**
     * the page or the network is back: is the connection still good?
     */
    woken: () => void;
};
import type { TransportName } from './carrier.js';
import { HirobaError } from './errors.js';
import type { Credentials } from './credentials.js';
import type * as wire from './messages.js';
