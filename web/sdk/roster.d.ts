/**
 * Brings a peer up to date, all but its tracks and quality.
 *
 * @param {Peer} peer
 * @param {wire.Peer} now
 * @returns {boolean} whether anything is different
 */
export function describe(peer: Peer, now: wire.Peer): boolean;
/**
 * @param {wire.Peer} peer
 * @returns {Omit<Peer, 'id' | 'tracks' | 'quality'>}
 */
export function described({ name, user, role, metadata, grants, away, joinedMs }: wire.Peer): Omit<Peer, "id" | "tracks" | "quality">;
/** @import { Grant } from './settings.js' */
/** @import * as wire from './messages.js' */
/** @import { Quality } from './quality.js' */
/**
 * A participant. The object stays the same for as long as it is in the room.
 *
 * @typedef {object} Peer
 * @property {string} id
 * @property {string} name
 * @property {ReadonlyMap<string, Track>} tracks  by track id
 * @property {string} user  who it is beyond this room; empty on an open server
 * @property {string} role  what it is here: `moderator`, `guest` or a word of the application's
 * @property {string} metadata  what it says of itself; see Room.setMetadata
 * @property {readonly Grant[]} grants  what it may do
 * @property {boolean} away  it cannot be reached now; it may come back
 * @property {number} joinedMs  when it joined, Unix milliseconds
 * @property {Quality} quality  how well its media gets through to this client
 */
/**
 * A published audio or video source. The object stays the same until the track
 * is removed; `muted` and `source` change in place.
 *
 * @typedef {object} Track
 * @property {string} id
 * @property {'audio' | 'video'} kind
 * @property {string} source  `camera`, `microphone`, `screen`, `screen-audio` or a word of the application's
 * @property {boolean} muted  by its publisher
 * @property {Peer} peer  its publisher
 */
/** @typedef {'LEFT' | 'LOST' | 'CLOSED' | 'REMOVED'} LeftReason  it said so · its connection broke · the server closed it · a moderator removed it */
/**
 * One thing that changed: the name of a Room event and its arguments.
 *
 * @typedef {['peer-joined', Peer]
 *   | ['peer-updated', Peer]
 *   | ['peer-left', Peer, LeftReason]
 *   | ['track-published', Track, Peer]
 *   | ['track-updated', Track, Peer]
 *   | ['track-removed', Track, Peer]} RosterChange
 */
/** @typedef {Peer & {tracks: Map<string, Track>}} Entry */
/**
 * Roster is who else is in the room and what they publish, kept by applying the
 * server's messages in their order.
 */
export class Roster {
    /** @type {ReadonlyMap<string, Peer>} everybody else, by peer id */
    get peers(): ReadonlyMap<string, Peer>;
    /**
     * @param {string} id
     * @returns {Track | undefined}
     */
    track(id: string): Track | undefined;
    /** @returns {Track[]} all tracks of everybody else */
    tracks(): Track[];
    /**
     * Starts from the snapshot that answers join.
     *
     * @param {wire.Joined} joined
     */
    reset({ peer: self, peers }: wire.Joined): void;
    /**
     * Becomes what a later snapshot says: the difference was lost on the way.
     *
     * @param {wire.Joined} joined
     * @returns {Generator<RosterChange, void, void>}
     */
    catchUp({ peers }: wire.Joined): Generator<RosterChange, void, void>;
    /**
     * Applies one message. Every change is made when it is taken from the
     * iterator, so that a listener sees the room as of its own event.
     *
     * @param {wire.ServerMessage} message  those about other things are ignored
     * @returns {Generator<RosterChange, void, void>}
     */
    apply({ peerJoined, peerUpdated, peerLeft, trackPublished, trackUpdated, trackRemoved }: wire.ServerMessage): Generator<RosterChange, void, void>;
    #private;
}
/**
 * A participant. The object stays the same for as long as it is in the room.
 */
export type Peer = {
    id: string;
    name: string;
    /**
     * by track id
     */
    tracks: ReadonlyMap<string, Track>;
    /**
     * who it is beyond this room; empty on an open server
     */
    user: string;
    /**
     * what it is here: `moderator`, `guest` or a word of the application's
     */
    role: string;
    /**
     * what it says of itself; see Room.setMetadata
     */
    metadata: string;
    /**
     * what it may do
     */
    grants: readonly Grant[];
    /**
     * it cannot be reached now; it may come back
     */
    away: boolean;
    /**
     * when it joined, Unix milliseconds
     */
    joinedMs: number;
    /**
     * how well its media gets through to this client
     */
    quality: Quality;
};
/**
 * A published audio or video source. The object stays the same until the track
 * is removed; `muted` and `source` change in place.
 */
export type Track = {
    id: string;
    kind: "audio" | "video";
    /**
     * `camera`, `microphone`, `screen`, `screen-audio` or a word of the application's
     */
    source: string;
    /**
     * by its publisher
     */
    muted: boolean;
    /**
     * its publisher
     */
    peer: Peer;
};
/**
 * it said so · its connection broke · the server closed it · a moderator removed it
 */
export type LeftReason = "LEFT" | "LOST" | "CLOSED" | "REMOVED";
/**
 * One thing that changed: the name of a Room event and its arguments.
 */
export type RosterChange = ["peer-joined", Peer] | ["peer-updated", Peer] | ["peer-left", Peer, LeftReason] | ["track-published", Track, Peer] | ["track-updated", Track, Peer] | ["track-removed", Track, Peer];
export type Entry = Peer & {
    tracks: Map<string, Track>;
};
import type * as wire from './messages.js';
import type { Grant } from './settings.js';
import type { Quality } from './quality.js';
