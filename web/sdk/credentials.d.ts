/**
 * Credentials are the tokens by which this client opens its session and comes
 * back to it. They are secrets, and are told to nobody but the server.
 */
export class Credentials {
    /**
     * @param {string} url  http(s) address of /v1/signal
     * @param {TokenSource} source  of access tokens; '' for none
     * @param {() => number} after  the highest number of the server's that was handled
     */
    constructor(url: string, source: TokenSource, after: () => number);
    /** @readonly */
    readonly url: string;
    /** Whether there is a session to come back to. */
    get opened(): boolean;
    /** @returns {Promise<Pass>} for the next connection */
    pass(): Promise<Pass>;
    /** The same without asking the application for anything. @type {Pass} */
    get now(): Pass;
    /**
     * Takes what a welcome brings, which says as well that the access was good.
     *
     * @param {wire.Welcome} welcome
     */
    welcomed({ session, resume }: wire.Welcome): void;
    /**
     * Gets a fresh access token where the application gives them out by a function.
     *
     * @returns {Promise<string>} '' when there is no fresh one
     */
    fresh(): Promise<string>;
    /**
     * Takes an access token that the application has got by itself.
     *
     * @param {string} token
     */
    replace(token: string): void;
    /** The server has taken the present access token. */
    accepted(): void;
    #private;
}
/**
 * An access token, or what gets one: asked again whenever a fresh one is needed.
 */
export type TokenSource = string | (() => string | Promise<string>);
import type { Pass } from './carrier.js';
import type * as wire from './messages.js';
