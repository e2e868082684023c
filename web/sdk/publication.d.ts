/** @import { MediaKind } from './media.js' */
/** @import { Peer } from './roster.js' */
/** @import { VideoCodec } from './codecs.js' */
/** @import { Demand } from './layers.js' */
/**
 * How to publish a track.
 *
 * @typedef {object} PublishOptions
 * @property {string} [source]  `camera`, `microphone`, `screen`, `screen-audio` or a word of the
 *   application's; left out, `camera` for video and `microphone` for audio
 * @property {boolean} [muted]  start muted; left out, as the track is enabled or not
 * @property {VideoCodec} [codec]  the video codec to prefer; VP8 unless told
 * @property {boolean} [simulcast]  send a camera in several sizes at once, so that everybody gets one that
 *   suits them; true unless told. A screen has one size always
 */
/**
 * All there is to know of a publication; Publications makes and keeps it.
 *
 * @typedef {object} PublicationState
 * @property {string} id  empty until the server has named it
 * @property {MediaKind} kind
 * @property {string} source
 * @property {boolean} muted
 * @property {Peer} peer
 * @property {MediaStreamTrack | null} track
 * @property {VideoCodec} [codec]
 * @property {boolean} [simulcast]
 * @property {Demand} demand  what the server needs of it
 * @property {RTCRtpTransceiver | null} transceiver  the section that carries it
 */
/**
 * What a publication has done for it.
 *
 * @typedef {object} PublicationCalls
 * @property {() => Promise<void>} mute  tells the server of `muted`
 * @property {() => Promise<void>} stop
 * @property {() => void} replaced  `track` is another one
 */
/**
 * Publication is one track that this client sends. The MediaStreamTrack stays
 * the application's: nothing here stops it.
 */
export class Publication {
    /**
     * Made by Room.publish.
     *
     * @param {PublicationState} state
     * @param {PublicationCalls} calls
     */
    constructor(state: PublicationState, calls: PublicationCalls);
    /** The track id that the server gave it. */
    get id(): string;
    get kind(): MediaKind;
    get source(): string;
    get muted(): boolean;
    /** This client. */
    get peer(): Peer;
    /** What is sent now; null after replace(null) or stop(). */
    get track(): MediaStreamTrack | null;
    /**
     * What anybody receives of it, by the server's word; the rest is not sent for
     * now. A `demand` event tells of changes.
     */
    get demand(): Demand;
    /**
     * Sends silence or black at once, and has the server stop forwarding.
     *
     * @returns {Promise<void>} resolves when the server knows
     */
    mute(): Promise<void>;
    /** @returns {Promise<void>} resolves when the server forwards again */
    unmute(): Promise<void>;
    /**
     * Sends another track of the same kind instead, or none (so that the device
     * can be let go while muted), without negotiation.
     *
     * @param {MediaStreamTrack | null} track
     */
    replace(track: MediaStreamTrack | null): Promise<void>;
    /** Ends the publication for everybody. A second call waits for the same end. */
    stop(): Promise<void>;
    /** A moderator has muted it; unmute() takes that back. */
    mutedByServer(): void;
    #private;
}
/**
 * How to publish a track.
 */
export type PublishOptions = {
    /**
     * `camera`, `microphone`, `screen`, `screen-audio` or a word of the
     * application's; left out, `camera` for video and `microphone` for audio
     */
    source?: string | undefined;
    /**
     * start muted; left out, as the track is enabled or not
     */
    muted?: boolean | undefined;
    /**
     * the video codec to prefer; VP8 unless told
     */
    codec?: VideoCodec | undefined;
    /**
     * send a camera in several sizes at once, so that everybody gets one that
     * suits them; true unless told. A screen has one size always
     */
    simulcast?: boolean | undefined;
};
/**
 * All there is to know of a publication; Publications makes and keeps it.
 */
export type PublicationState = {
    /**
     * empty until the server has named it
     */
    id: string;
    kind: MediaKind;
    source: string;
    muted: boolean;
    peer: Peer;
    track: MediaStreamTrack | null;
    codec?: VideoCodec | undefined;
    simulcast?: boolean | undefined;
    /**
     * what the server needs of it
     */
    demand: Demand;
    /**
     * the section that carries it
     */
    transceiver: RTCRtpTransceiver | null;
};
/**
 * What a publication has done for it.
 */
export type PublicationCalls = {
    /**
     * tells the server of `muted`
     */
    mute: () => Promise<void>;
    stop: () => Promise<void>;
    /**
     * `track` is another one
     */
    replaced: () => void;
};
import type { MediaKind } from './media.js';
import type { Peer } from './roster.js';
import type { Demand } from './layers.js';
import type { VideoCodec } from './codecs.js';
