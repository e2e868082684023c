/**
 * Crossing is the life of one leg: media comes over to it when all of it is
 * received there, and goes back to the slots when it is received there again.
 */
export class Crossing {
    /**
     * @param {{epoch: string, peer: string, leg: DirectLeg}} of
     * @param {Reception} reception
     * @param {Roster} roster
     * @param {CrossingCalls} calls
     */
    constructor({ epoch, peer, leg }: {
        epoch: string;
        peer: string;
        leg: DirectLeg;
    }, reception: Reception, roster: Roster, calls: CrossingCalls);
    epoch: string;
    peer: string;
    leg: DirectLeg;
    /** Whether media is shown from the leg, and nothing is wrong with it. */
    get holds(): boolean;
    /**
     * @param {string} trackId
     * @returns {MediaStreamTrack | null} what is to be shown from the leg
     */
    track(trackId: string): MediaStreamTrack | null;
    /** The state of the leg's connection has changed: no time to rest. */
    hurry(): void;
    /** The leg cannot be used any more, or never could. */
    fail(): void;
    /** Media goes back to the slots. */
    leave(): void;
    close(): void;
    #private;
}
export type CrossingCalls = {
    /**
     * all that the other peer publishes is received over the leg, and shown from there
     */
    received: () => void;
    /**
     * it cannot be made, or broke
     */
    failed: () => void;
    /**
     * what is shown of a track may be another
     */
    changed: (trackId: string) => void;
    closed: () => void;
};
import type { DirectLeg } from './direct-leg.js';
import type { Reception } from './reception.js';
import type { Roster } from './roster.js';
