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
  /** @type {Map<string, Carried>} track id → where it is */
  #carried = new Map();

  /**
   * Takes the server's `slots`, which always lists all of them.
   *
   * @param {Slot[]} slots
   * @returns {SlotChange[]} what is different now: first the tracks that left,
   *   so that nobody sees one media track in use twice
   */
  replace(slots) {
    /** @type {Map<string, Carried>} */
    const next = new Map();
    for (const { mid = '', track = '', peer = '', why } of slots) {
      if (!track || !mid) continue;
      const carried = { mid, peer, why: why && why !== 'WHY_UNSPECIFIED' ? why : /** @type {const} */ ('') };
      // Should a track be listed twice, the slot with media counts.
      if (next.get(track)?.why !== '') next.set(track, carried);
    }

    /** @type {SlotChange[]} */
    const changes = [];
    for (const track of this.#carried.keys()) {
      if (!next.has(track)) changes.push({ track, now: null });
    }
    for (const [track, now] of next) {
      const before = this.#carried.get(track);
      if (before?.mid !== now.mid || before.why !== now.why) changes.push({ track, now });
    }
    this.#carried = next;
    return changes;
  }

  /**
   * @param {string} track
   * @returns {Carried | null}
   */
  of(track) {
    return this.#carried.get(track) ?? null;
  }
}

/** Slots are opened in steps, so that a growing room does not offer once per peer. */
export const SLOT_STEP = 4;

/**
 * How many slots of one kind to open now.
 *
 * @param {object} room
 * @param {number} room.open  slots that are open
 * @param {number} room.wanted  tracks to receive
 * @param {number} room.limit  the most that the server fills
 * @returns {number}
 */
export function slotsToOpen({ open, wanted, limit }) {
  const steps = Math.ceil(Math.max(wanted, 1) / SLOT_STEP);
  return Math.max(0, Math.min(steps * SLOT_STEP, limit) - open);
}
