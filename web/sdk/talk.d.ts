/**
 * Talk is what peers say to each other over signaling: messages under topics,
 * questions and their answers.
 */
export class Talk {
    /**
     * @param {Link} link
     * @param {(message: RoomMessage) => void} said  is called with each message
     */
    constructor(link: Link, said: (message: RoomMessage) => void);
    /**
     * @param {string} topic
     * @param {unknown} value
     * @param {EmitOptions} [options]
     */
    emit(topic: string, value: unknown, { to, timeoutMs }?: EmitOptions): Promise<void>;
    /**
     * @param {string} topic
     * @param {unknown} value
     * @param {EmitOptions} [options]
     * @returns {Promise<any>}
     */
    ask(topic: string, value: unknown, { to, timeoutMs }?: EmitOptions): Promise<any>;
    /**
     * @param {string} topic
     * @param {AnswerHandler} handler
     * @returns {() => void} takes the handler away again
     */
    answer(topic: string, handler: AnswerHandler): () => void;
    /** @param {wire.Message} wireMessage */
    hear(wireMessage: wire.Message): void;
    /**
     * Takes what was said before this client came, without telling it.
     *
     * @param {wire.Message[]} [history]
     * @returns {RoomMessage[]}
     */
    before(history?: wire.Message[]): RoomMessage[];
    /**
     * Tells what of the room's history this client has missed.
     *
     * @param {wire.Message[]} history
     * @param {string} self  own peer id
     */
    catchUp(history: wire.Message[], self: string): void;
    /**
     * Somebody is gone and will not answer.
     *
     * @param {string} peer  peer id
     */
    left(peer: string): void;
    /** @param {HirobaError} error */
    end(error: HirobaError): void;
    #private;
}
/**
 * Whom a message is for, and how long to wait.
 */
export type EmitOptions = {
    /**
     * peer ids; everybody else unless told
     */
    to?: string[] | undefined;
    /**
     * give up after this, however the connection is
     */
    timeoutMs?: number | undefined;
};
/**
 * what it returns, or its promise gives, is the answer
 */
export type AnswerHandler = (value: any, message: RoomMessage) => unknown;
export type Question = {
    /**
     * who has not answered; null: anybody may
     */
    missing: Set<string> | null;
    /**
     * by peer id
     */
    answers: Map<string, unknown>;
    /**
     * one answer is all there is
     */
    single: boolean;
    resolve: (value: unknown) => void;
    reject: (error: HirobaError) => void;
    timer: ReturnType<typeof setTimeout>;
};
import type * as wire from './messages.js';
import type { RoomMessage } from './room-events.js';
import { HirobaError } from './errors.js';
import type { Link } from './link.js';
