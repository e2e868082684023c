/**
 * How many slots of one kind to open now.
 *
 * @param {object} room
 * @param {number} room.open  slots that are open
 * @param {number} room.wanted  tracks to receive
 * @param {number} room.limit  the most that the server fills
 * @returns {number}
 */
export function slotsToOpen({ open, wanted, limit }: {
    open: number;
    wanted: number;
    limit: number;
}): number;
/** @import { Slot, SlotWhy } from './messages.js' */
/**
 * Why a slot with a track carries no media; empty while it does.
 *
 * @typedef {Exclude<SlotWhy, 'WHY_UNSPECIFIED'> | ''} Why
 */
/**
 * Where a track is received now.
 *
 * @typedef {object} Carried
 * @property {string} mid  media section of the slot
 * @property {string} peer  id of the publisher
 * @property {Why} why
 */
/**
 * A track came into a slot, changed it or its reason, or left (`now` is null).
 *
 * @typedef {{track: string, now: Carried | null}} SlotChange
 */
/**
 * Slots knows which track sits in which slot, as the server told last.
 */
export class Slots {
    /**
     * Takes the server's `slots`, which always lists all of them.
     *
     * @param {Slot[]} slots
     * @returns {SlotChange[]} what is different now: first the tracks that left,
     *   so that nobody sees one media track in use twice
     */
    replace(slots: Slot[]): SlotChange[];
    /**
     * @param {string} track
     * @returns {Carried | null}
     */
    of(track: string): Carried | null;
    #private;
}
/** Slots are opened in steps, so that a growing room does not offer once per peer. */
export const SLOT_STEP: 4;
/**
 * Why a slot with a track carries no media; empty while it does.
 */
export type Why = Exclude<SlotWhy, "WHY_UNSPECIFIED"> | "";
/**
 * Where a track is received now.
 */
export type Carried = {
    /**
     * media section of the slot
     */
    mid: string;
    /**
     * id of the publisher
     */
    peer: string;
    why: Why;
};
/**
 * A track came into a slot, changed it or its reason, or left (`now` is null).
 */
export type SlotChange = {
    track: string;
    now: Carried | null;
};
import type { Slot } from './messages.js';
import type { SlotWhy } from './messages.js';
