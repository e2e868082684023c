/**
 * Reception is what this client receives: which track sits in which slot, what
 * is wanted, and whether there are slots enough for it.
 */
export class Reception {
    /**
     * @param {Link} link
     * @param {Media} media
     * @param {Negotiation} negotiation
     * @param {Roster} roster
     * @param {ReceptionCalls} calls
     */
    constructor(link: Link, media: Media, negotiation: Negotiation, roster: Roster, calls: ReceptionCalls);
    /** Opens the slots of the first offer, before it is known who is there. */
    open(): void;
    /**
     * @param {string} trackId
     * @returns {MediaStreamTrack | null} what is received of a track now
     */
    track(trackId: string): MediaStreamTrack | null;
    /**
     * Has what comes directly from another peer take the place of what is in the
     * slots. Call refresh() when that changes.
     *
     * @param {(trackId: string) => MediaStreamTrack | null} direct
     */
    prefer(direct: (trackId: string) => MediaStreamTrack | null): void;
    /**
     * Tells what is received of a track, should that be something else now.
     *
     * @param {string} trackId
     */
    refresh(trackId: string): void;
    /**
     * @param {string} trackId
     * @returns {Promise<Progress & {mid: string} | null>} of the slot that a track is in
     */
    slotProgress(trackId: string): Promise<(Progress & {
        mid: string;
    }) | null>;
    /**
     * Takes the server's word on what is in the slots.
     *
     * @param {wire.Slots} slots
     */
    fill({ slots }: wire.Slots): void;
    /**
     * A track has come into the roster; its slot may have been filled before.
     *
     * @param {Track} track
     */
    published({ id }: Track): void;
    /** @param {Shown[]} shown */
    view(shown: Shown[]): void;
    /** Opens more slots when more is wanted than fits. */
    grow(): void;
    stop(): void;
    #private;
}
/**
 * What is received of a track now. Without media `why` says the reason; it is
 * empty when the track just has no slot.
 */
export type MediaChange = {
    track: Track;
    peer: Peer;
    mediaStreamTrack: MediaStreamTrack | null;
    why: Why;
};
export type ReceptionCalls = {
    media: (change: MediaChange) => void;
    /**
     * of an offer that nobody waits for
     */
    error: (error: import("./errors.js").HirobaError) => void;
};
import type { Progress } from './progress.js';
import type * as wire from './messages.js';
import type { Track } from './roster.js';
import type { Shown } from './view.js';
import type { Link } from './link.js';
import type { Media } from './media.js';
import type { Negotiation } from './negotiation.js';
import type { Roster } from './roster.js';
import type { Peer } from './roster.js';
import type { Why } from './slots.js';
