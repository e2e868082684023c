/** @import * as wire from './messages.js' */
/**
 * A participant. The object stays the same for as long as it is in the room.
 *
 * @typedef {object} Peer
 * @property {string} id
 * @property {string} name
 * @property {ReadonlyMap<string, Track>} tracks  by track id
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
/** @typedef {'LEFT' | 'LOST' | 'CLOSED'} LeftReason  it said so · its connection broke · the server closed it */
/**
 * One thing that changed: the name of a Room event and its arguments.
 *
 * @typedef {['peer-joined', Peer]
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
     * Applies one message. Every change is made when it is taken from the
     * iterator, so that a listener sees the room as of its own event.
     *
     * @param {wire.ServerMessage} message  those about other things are ignored
     * @returns {Generator<RosterChange, void, void>}
     */
    apply({ peerJoined, peerLeft, trackPublished, trackUpdated, trackRemoved }: wire.ServerMessage): Generator<RosterChange, void, void>;
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
 * it said so · its connection broke · the server closed it
 */
export type LeftReason = "LEFT" | "LOST" | "CLOSED";
/**
 * One thing that changed: the name of a Room event and its arguments.
 */
export type RosterChange = ["peer-joined", Peer] | ["peer-left", Peer, LeftReason] | ["track-published", Track, Peer] | ["track-updated", Track, Peer] | ["track-removed", Track, Peer];
export type Entry = Peer & {
    tracks: Map<string, Track>;
};
import type * as wire from './messages.js';
