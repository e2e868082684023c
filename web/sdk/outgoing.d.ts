/**
 * @param {string} text  JSON of an object that is not empty
 * @param {number} handled  the highest number of the server's that was handled
 * @returns {string} the same with the acknowledgement, which is always of now
 */
export function stamp(text: string, handled: number): string;
/**
 * Outgoing numbers what the client says and keeps it until the server has
 * taken it, so that it can be said again on another connection. It is bounded.
 */
export class Outgoing {
    /** @param {{messages?: number, bytes?: number}} [most] */
    constructor({ messages, bytes }?: {
        messages?: number;
        bytes?: number;
    });
    /**
     * Gives a message the next number. A refused one uses none up, for a number
     * that is skipped would end the session.
     *
     * @param {Body} body
     * @param {string} id  empty when no answer is waited for
     * @param {wire.Limits} [limits]  the server's
     * @returns {Numbered}
     */
    add(body: Body, id: string, limits?: wire.Limits): Numbered;
    /**
     * Forgets what the server has taken.
     *
     * @param {number} received  the highest number that it has
     */
    trim(received: number): void;
    /**
     * @param {number} seq
     * @returns {readonly Numbered[]} what is kept of the messages after that number, in order
     */
    after(seq: number): readonly Numbered[];
    /** Whether it is time to ask the server how far it is. */
    get halfFull(): boolean;
    #private;
}
/**
 * What a client message says, without what the link adds to it.
 */
export type Body = Omit<wire.ClientMessage, "seq" | "ack" | "id">;
/**
 * A numbered message.
 */
export type Numbered = {
    seq: number;
    /**
     * JSON; stamp() makes it ready to be sent
     */
    text: string;
    /**
     * of the text as UTF-8
     */
    bytes: number;
};
import type * as wire from './messages.js';
