/** @import { Link } from './link.js' */
/** @import { Grant, RoomSettings } from './settings.js' */
/** @import * as wire from './messages.js' */
/**
 * Moderation is what a peer with the grant `admin` may do to the room and to
 * others. Everything resolves when it is done, and rejects with HirobaError:
 * `NOT_GRANTED` to those who may not.
 */
export class Moderation {
    /**
     * Made by Room.
     *
     * @param {Link} link
     */
    constructor(link: Link);
    /**
     * Mutes a track; its publisher can unmute it.
     *
     * @param {string} peer  peer id
     * @param {string} track  track id
     */
    mute(peer: string, track: string): Promise<void>;
    /**
     * Ends a track.
     *
     * @param {string} peer  peer id
     * @param {string} track  track id
     */
    stop(peer: string, track: string): Promise<void>;
    /**
     * Removes a peer.
     *
     * @param {string} peer  peer id
     * @param {{banSeconds?: number}} [options]  how long it may not come back; 0: it may at once
     */
    kick(peer: string, { banSeconds }?: {
        banSeconds?: number;
    }): Promise<void>;
    /**
     * Changes what a peer may do.
     *
     * @param {string} peer  peer id
     * @param {Grant[]} grants  all that it has from now on
     * @param {{role?: string}} [options]  left out, the role stays
     */
    setGrants(peer: string, grants: Grant[], { role }?: {
        role?: string;
    }): Promise<void>;
    /** @param {string} peer  id of one who waits to be let in */
    admit(peer: string): Promise<void>;
    /** @param {string} peer  id of one who waits to be let in */
    refuse(peer: string): Promise<void>;
    /** Lets nobody in any more but moderators. */
    lock(locked?: boolean): Promise<void>;
    /** Has everybody wait until they are let in. */
    lobby(lobby?: boolean): Promise<void>;
    /** @param {Partial<RoomSettings>} change  what is left out stays */
    change(change: Partial<RoomSettings>): Promise<void>;
    /** Ends the room for everybody. */
    end(): Promise<void>;
    #private;
}
import type { Grant } from './settings.js';
import type { RoomSettings } from './settings.js';
import type { Link } from './link.js';
