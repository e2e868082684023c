/**
 * View tells the server what is shown: at once, then at most every 100 ms, and
 * only what differs from the last.
 */
export class View {
    /** @param {(view: wire.View) => void} send */
    constructor(send: (view: wire.View) => void);
    /** @param {Shown[]} shown  most important first */
    set(shown: Shown[]): void;
    /**
     * Whether a track is wanted.
     *
     * @param {string} track
     */
    has(track: string): boolean;
    /** How many places there are for whoever speaks. */
    get speakers(): number;
    stop(): void;
    #private;
}
/**
 * One thing that the application shows: a track, or whoever speaks.
 */
export type Shown = {
    /**
     * track id
     */
    track?: string | undefined;
    /**
     * in the place of `track`: the camera of whoever spoke last, and of the next
     * one in a second such entry; tracks named elsewhere are left out. `media` events tell which it is
     */
    speaker?: boolean | undefined;
    /**
     * device pixels
     */
    width?: number | undefined;
    /**
     * device pixels
     */
    height?: number | undefined;
    /**
     * higher is served first; equal ones in the order of the list
     */
    priority?: number | undefined;
    /**
     * shown as a still: its slot stays reserved, nothing is sent
     */
    paused?: boolean | undefined;
};
import type * as wire from './messages.js';
