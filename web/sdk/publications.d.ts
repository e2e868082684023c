/** @import { Demand } from './layers.js' */
/** @import { Link } from './link.js' */
/** @import { Media, MediaKind } from './media.js' */
/** @import { Negotiation } from './negotiation.js' */
/** @import { Peer } from './roster.js' */
/** @import { PublicationState, PublishOptions } from './publication.js' */
/** @import * as wire from './messages.js' */
/**
 * What is published, and the handle that the application has of it.
 *
 * @typedef {{state: PublicationState, handle: Publication}} Entry
 */
/**
 * A track that is sent, for another connection than the one to the SFU.
 *
 * @typedef {Pick<PublicationState, 'id' | 'kind' | 'source' | 'codec' | 'track'>} Sent
 */
/**
 * Publications is all that this client sends. What is sent changes only while
 * an offer has its turn, so that the list told to the server fits the SDP.
 */
export class Publications {
    /**
     * @param {Link} link
     * @param {Media} media
     * @param {Negotiation} negotiation
     */
    constructor(link: Link, media: Media, negotiation: Negotiation);
    /** @type {ReadonlyMap<string, Publication>} */
    get byId(): ReadonlyMap<string, Publication>;
    /**
     * Adds a track to the offer that is being made.
     *
     * @param {MediaStreamTrack} track
     * @param {PublishOptions} options
     * @param {Peer} self
     */
    add(track: MediaStreamTrack, options: PublishOptions, self: Peer): Promise<void>;
    /**
     * Publishes a track with an offer of its own.
     *
     * @param {MediaStreamTrack} track
     * @param {PublishOptions} options
     * @param {Peer} self
     * @returns {Promise<Publication>}
     */
    publish(track: MediaStreamTrack, options: PublishOptions, self: Peer): Promise<Publication>;
    /** What the sending sections carry, for `join` and `publish`. @returns {wire.TrackOffer[]} */
    offers(): wire.TrackOffer[];
    /** @returns {Sent[]} what is sent, as far as the server has named it */
    sent(): Sent[];
    /** @param {() => void} watcher  is called whenever sent() is different */
    watch(watcher: () => void): void;
    /**
     * Takes the server's names for them.
     *
     * @param {wire.Track[]} [tracks]  in the order of offers()
     */
    named(tracks?: wire.Track[]): void;
    /**
     * Sends of a track what the server needs of it.
     *
     * @param {wire.TrackDemand} demand
     * @returns {Publication | undefined} undefined while it has no such name
     */
    want({ track, paused, rids }: wire.TrackDemand): Publication | undefined;
    /** Sends everything, until the server says what it needs: its word was lost. */
    wantAll(): void;
    #private;
}
/**
 * What is published, and the handle that the application has of it.
 */
export type Entry = {
    state: PublicationState;
    handle: Publication;
};
/**
 * A track that is sent, for another connection than the one to the SFU.
 */
export type Sent = Pick<PublicationState, "id" | "kind" | "source" | "codec" | "track">;
import { Publication } from './publication.js';
import type { PublishOptions } from './publication.js';
import type { Peer } from './roster.js';
import type * as wire from './messages.js';
import type { Link } from './link.js';
import type { Media } from './media.js';
import type { Negotiation } from './negotiation.js';
import type { PublicationState } from './publication.js';
