/**
 * Answers pairs what the client asked with what the server answered: a message
 * with an id is answered by exactly one whose `re` is that id.
 */
export class Answers {
    /** @param {number} [timeoutMs]  how long an answer may take */
    constructor(timeoutMs?: number);
    /**
     * @param {Patience} [patience]
     * @returns {{id: string, answer: Promise<ServerMessage>}} the id to send, and
     *   its answer; an answer `error` rejects with HirobaError
     */
    ask({ timeoutMs, onWaiting }?: Patience): {
        id: string;
        answer: Promise<ServerMessage>;
    };
    /**
     * The message that asks has got its number.
     *
     * @param {string} id
     * @param {number} seq
     */
    numbered(id: string, seq: number): void;
    /**
     * @param {ServerMessage} message
     * @returns {boolean} whether somebody was waiting for this message
     */
    settle(message: ServerMessage): boolean;
    /** The link is down: nobody is blamed for not answering. */
    pause(): void;
    /** The link is up again, and all has the whole time once more. */
    resume(): void;
    /**
     * The server's answers were lost, those to messages up to a number.
     *
     * @param {number} upTo
     */
    lost(upTo: number): void;
    /**
     * Nobody waits for this answer any more.
     *
     * @param {string} id
     */
    forget(id: string): void;
    /**
     * Ends all waiting.
     *
     * @param {HirobaError} error
     */
    fail(error: HirobaError): void;
    #private;
}
/**
 * How an answer is waited for.
 */
export type Patience = {
    /**
     * give up after this, however the link fares; left out, after
     * 10 seconds in which the link was up
     */
    timeoutMs?: number | undefined;
    /**
     * the answer was `waiting`: the real one may take any time
     */
    onWaiting?: (() => void) | undefined;
};
export type Asked = {
    resolve: (message: ServerMessage) => void;
    reject: (error: HirobaError) => void;
    onWaiting?: (() => void) | undefined;
    /**
     * number of the message that asked; Infinity before it has one
     */
    seq: number;
    timeoutMs: number;
    /**
     * the time runs while the link is down, too
     */
    strict: boolean;
    timer?: number | undefined;
};
import type { ServerMessage } from './messages.js';
import { HirobaError } from './errors.js';
