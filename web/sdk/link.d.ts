/**
 * @param {string} url  http(s) or ws(s), perhaps with a path under which a proxy serves Hiroba
 * @returns {string} http(s)
 */
export function signalUrl(url: string): string;
/**
 * Link is the signaling session: it numbers and acknowledges messages, pairs
 * answers with questions, drops what came twice, and says again what the server
 * has missed. Connections come and go underneath; it ends once and is not reused.
 */
export class Link {
    /**
     * Opens a link and waits for the server's welcome.
     *
     * @param {string} url  of the server: http(s), as the page's own address
     * @param {LinkOptions} [options]
     * @returns {Promise<Link>} rejects with HirobaError UNREACHABLE or what the server said
     */
    static open(url: string, options?: LinkOptions): Promise<Link>;
    /**
     * @private
     * @param {string} url  of /v1/signal
     * @param {LinkOptions} options
     */
    private constructor();
    /** The server's first message on the latest connection: ICE servers, limits, heartbeat. */
    get welcome(): wire.Welcome;
    /** What carries the session now; '' while nothing does. */
    get transport(): "" | TransportName;
    /**
     * Begins to hand on what comes, and first what came already.
     *
     * @param {Listener} listener
     */
    listen(listener: Listener): void;
    /**
     * Sends a message and waits for its answer. While there is no connection it
     * waits for one, and that time does not count.
     *
     * @param {Body} body
     * @param {Patience} [patience]
     * @returns {Promise<wire.ServerMessage>} rejects with HirobaError: what the
     *   server said, TIMEOUT, ANSWER_LOST, or why the link ended
     */
    request(body: Body, patience?: Patience): Promise<wire.ServerMessage>;
    /**
     * Sends a message whose answer nobody waits for; a refusal comes to the
     * listener as an `error` message. Does nothing once the link has ended.
     *
     * @param {Body} body
     */
    tell(body: Body): void;
    /**
     * Goes on with another access token.
     *
     * @param {string} token
     */
    authenticate(token: string): Promise<void>;
    /**
     * Ends the link without telling the listener, at once and even while the page
     * goes away; what still waits for an answer fails with `error`. The server is
     * told to end the session, as well as that can be done without waiting.
     *
     * @param {HirobaError} [error]
     */
    close(error?: HirobaError): void;
    #private;
}
/**
 * Who hears what comes over the link.
 */
export type Listener = {
    /**
     * everything that is no answer, in order
     */
    message: (message: wire.ServerMessage) => void;
    /**
     * the link is gone; comes once, and not after close()
     */
    ended: (error: HirobaError) => void;
    /**
     * the connection broke, or an attempt to make it again failed
     */
    away?: ((how: Reconnecting) => void) | undefined;
    /**
     * what is sent goes out again, over this transport
     */
    attached?: ((transport: TransportName) => void) | undefined;
    /**
     * something went wrong that nobody waits for
     */
    failed?: ((error: HirobaError) => void) | undefined;
};
export type LinkOptions = {
    /**
     * access token
     */
    token?: TokenSource | undefined;
    /**
     * those to use, best first
     */
    transports?: TransportName[] | undefined;
    /**
     * gives up the opening
     */
    signal?: AbortSignal | undefined;
    random?: (() => number) | undefined;
};
import type * as wire from './messages.js';
import type { TransportName } from './carrier.js';
import type { Body } from './outgoing.js';
import type { Patience } from './answers.js';
import { HirobaError } from './errors.js';
import type { Reconnecting } from './attachment.js';
import type { TokenSource } from './credentials.js';
