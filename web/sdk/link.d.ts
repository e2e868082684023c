/**
 * @param {string} url  http(s), perhaps with a path under which a proxy serves Hiroba
 * @returns {string} ws(s)
 */
export function signalUrl(url: string): string;
/**
 * Link is the signaling session over a WebSocket: it numbers and acknowledges
 * messages, pairs answers with questions, drops what came twice, and notices
 * when the other side is gone. It ends once and is not reused.
 */
export class Link {
    /**
     * Opens a link and waits for the server's welcome.
     *
     * @param {string} url  of the server: http(s), as the page's own address
     * @returns {Promise<Link>} rejects with HirobaError UNREACHABLE or what the server said
     */
    static open(url: string): Promise<Link>;
    /**
     * @private
     * @param {string} url  ws(s)
     */
    private constructor();
    /** The server's first message: ICE servers, limits, heartbeat. */
    get welcome(): wire.Welcome;
    /**
     * Begins to hand on what comes, and first what came already.
     *
     * @param {Listener} listener
     */
    listen(listener: Listener): void;
    /**
     * Sends a message and waits for its answer.
     *
     * @param {Body} body
     * @returns {Promise<wire.ServerMessage>} rejects with HirobaError: what the
     *   server said, TIMEOUT, or why the link ended
     */
    request(body: Body): Promise<wire.ServerMessage>;
    /**
     * Sends a message whose answer nobody waits for; a refusal comes to the
     * listener as an `error` message. Does nothing once the link has ended.
     *
     * @param {Body} body
     */
    tell(body: Body): void;
    /**
     * Ends the link without telling the listener; what still waits for an answer
     * fails with `error`.
     *
     * @param {HirobaError} [error]
     */
    close(error?: HirobaError): void;
    #private;
}
/**
 * What a client message says, without what the link adds to it.
 */
export type Body = Omit<wire.ClientMessage, "seq" | "ack" | "id">;
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
};
import type * as wire from './messages.js';
import { HirobaError } from './errors.js';
