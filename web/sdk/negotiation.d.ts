/** @import { Link } from './link.js' */
/** @import { Media } from './media.js' */
/**
 * One change of what is offered.
 *
 * @typedef {object} Change
 * @property {() => void | Promise<void>} [make]  changes the sections; runs when its turn has come
 * @property {(sdp: string) => Promise<string>} [say]  sends the offer, calls media.trickle()
 *   and returns the answer; left out, a plain `description` to the SFU
 * @property {() => void | Promise<void>} [undo]  takes the change back when it was refused
 */
/**
 * Negotiation lets one offer at a time out to the SFU; the next is made when
 * the answer to the last has been applied.
 */
export class Negotiation {
    /**
     * @param {Link} link
     * @param {Media} media
     * @param {(error: HirobaError) => void} broken  an answer never came: whether the
     *   server took the offer is unknown, so no further one can fit
     */
    constructor(link: Link, media: Media, broken: (error: HirobaError) => void);
    /**
     * @param {Change} change
     * @returns {Promise<void>} resolves when the answer is applied; rejects with
     *   HirobaError after the change was taken back
     */
    run(change: Change): Promise<void>;
    /**
     * Does something that must not meet an offer, when its turn has come.
     *
     * @param {() => Promise<void>} work
     * @returns {Promise<void>}
     */
    between(work: () => Promise<void>): Promise<void>;
    /**
     * Fails what is in line and what comes later.
     *
     * @param {HirobaError} error
     */
    end(error: HirobaError): void;
    get ended(): boolean;
    /**
     * Sends an offer and returns the answer.
     *
     * @param {string} sdp
     * @returns {Promise<string>}
     */
    describe(sdp: string): Promise<string>;
    #private;
}
/**
 * One change of what is offered.
 */
export type Change = {
    /**
     * changes the sections; runs when its turn has come
     */
    make?: (() => void | Promise<void>) | undefined;
    /**
     * sends the offer, calls media.trickle()
     * and returns the answer; left out, a plain `description` to the SFU
     */
    say?: ((sdp: string) => Promise<string>) | undefined;
    /**
     * takes the change back when it was refused
     */
    undo?: (() => void | Promise<void>) | undefined;
};
import { HirobaError } from './errors.js';
import type { Link } from './link.js';
import type { Media } from './media.js';
