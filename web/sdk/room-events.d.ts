/**
 * - `connecting`: media does not flow yet, for the first time
 * - `connected`: signaling and media are up
 * - `reconnecting`: one of them broke and is being repaired; the other goes on, and what
 *   is said meanwhile is sent later
 * - `lost`: that did not succeed in time, or the server is gone; join again
 * - `closed`: left, or ended by the server for good
 */
export type RoomState = "connecting" | "connected" | "reconnecting" | "lost" | "closed";
/**
 * Something that was emitted by a peer.
 */
export type RoomMessage = {
    /**
     * peer id
     */
    from: string;
    /**
     * peer ids; empty: everybody
     */
    to: string[];
    topic: string;
    /**
     * as it was sent
     */
    text: string;
    /**
     * the value: `text` read as JSON, or `text` itself when it is none
     */
    data: any;
    /**
     * when the server took it, Unix milliseconds
     */
    sentMs: number;
    /**
     * in `room.history`: what the sender was called, who may have left since
     */
    name: string;
};
/**
 * Something that came over a DataChannel.
 */
export type RoomData = {
    /**
     * peer id
     */
    from: string;
    /**
     * peer ids; empty: everybody
     */
    to: string[];
    topic: string;
    payload: Uint8Array;
    channel: ChannelName;
};
export type ChannelName = "reliable" | "lossy";
/**
 * How much of a large message has come.
 */
export type DataProgress = {
    /**
     * peer id
     */
    from: string;
    /**
     * peer ids; empty: everybody
     */
    to: string[];
    topic: string;
    /**
     * another one for each message of that peer
     */
    message: number;
    /**
     * bytes
     */
    received: number;
    total: number;
};
/**
 * A peer that does not get a large message of this client's: it is gone, or
 * reads nothing.
 */
export type DataMissed = {
    /**
     * peer id
     */
    peer: string;
    topic: string;
};
/**
 * A description or candidate that another peer (not the SFU) sent.
 */
export type PeerSignal = {
    /**
     * peer id
     */
    from: string;
    description?: wire.Description | undefined;
    candidate?: wire.Candidate | undefined;
};
/**
 * Somebody who waits to be let in; told to moderators.
 */
export type Knock = {
    /**
     * peer id, for moderate.admit() and moderate.refuse()
     */
    peer: string;
    name: string;
    /**
     * who it is beyond this room; may be empty
     */
    user: string;
    metadata: string;
};
/**
 * The events of a Room and the arguments of their handlers.
 */
export type RoomEvents = {
    "state": [state: RoomState, error?: HirobaError];
    "peer-joined": [peer: Peer];
    "reconnecting": [how: Reconnecting];
    "transport": [transport: TransportName];
    "access-expiring": [expiresMs: number];
    "room-updated": [settings: RoomSettings];
    "topology": [topology: Topology];
    "knock": [knock: Knock, over: boolean];
    "peer-updated": [peer: Peer];
    "peer-left": [peer: Peer, reason: LeftReason];
    "track-published": [track: Track, peer: Peer];
    "track-updated": [track: Track, peer: Peer];
    "track-removed": [track: Track, peer: Peer];
    "demand": [publication: Publication];
    "speakers": [peerIds: string[]];
    "quality": [peer: Peer];
    "media": [change: MediaChange];
    "message": [message: RoomMessage];
    "data": [data: RoomData];
    "data-progress": [progress: DataProgress];
    "data-missed": [missed: DataMissed];
    "signal": [signal: PeerSignal];
    "error": [error: HirobaError];
    [topic: `message:${string}`]: [message: RoomMessage];
};
import type * as wire from './messages.js';
import type { HirobaError } from './errors.js';
import type { Peer } from './roster.js';
import type { Reconnecting } from './attachment.js';
import type { TransportName } from './carrier.js';
import type { RoomSettings } from './settings.js';
import type { Topology } from './settings.js';
import type { LeftReason } from './roster.js';
import type { Track } from './roster.js';
import type { Publication } from './publication.js';
import type { MediaChange } from './reception.js';
