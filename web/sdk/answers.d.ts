/** @import { ServerMessage } from './messages.js' */
/**
 * Answers pairs what the client asked with what the server answered: a message
 * with an id is answered by exactly one whose `re` is that id.
 */
export class Answers {
    /** @param {number} [timeoutMs]  how long an answer may take */
    constructor(timeoutMs?: number);
    /**
     * @returns {{id: string, answer: Promise<ServerMessage>}} the id to send, and
     *   its answer; an answer `error` rejects with HirobaError
     */
    ask(): {
        id: string;
        answer: Promise<ServerMessage>;
    };
    /**
     * @param {ServerMessage} message
     * @returns {boolean} whether somebody was waiting for this message
     */
    settle(message: ServerMessage): boolean;
    /**
     * Ends all waiting.
     *
     * @param {HirobaError} error
     */
    fail(error: HirobaError): void;
    #private;
}
import type { ServerMessage } from './messages.js';
import { HirobaError } from './errors.js';
