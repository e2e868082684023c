/** @import { VideoCodec } from './codecs.js' */
/** @import { Demand, Layer, Picture, Size } from './layers.js' */
/** @import { MediaKind } from './media.js' */
/** @import * as wire from './messages.js' */
/**
 * What a sending section is for.
 *
 * @typedef {object} Sending
 * @property {MediaStreamTrack} track
 * @property {string} source
 * @property {VideoCodec} [codec]  the codec to prefer; VP8 unless told
 * @property {boolean} [simulcast]  whether a camera is sent in several sizes; true unless told
 */
/**
 * SendingSection is a media section that carries, or carried, a track of ours,
 * in one or several encodings.
 */
export class SendingSection {
    /**
     * Opens a section for the next offer, with as much as the browser can do.
     *
     * @param {RTCPeerConnection} pc
     * @param {Sending} sending
     * @param {boolean} fed  whether anything is sent for now
     */
    static open(pc: RTCPeerConnection, sending: Sending, fed: boolean): SendingSection;
    /**
     * @param {RTCRtpTransceiver} transceiver
     * @param {Picture} picture
     * @param {Size} size
     * @param {Layer[]} layers
     */
    constructor(transceiver: RTCRtpTransceiver, picture: Picture, size: Size, layers: Layer[]);
    transceiver: RTCRtpTransceiver;
    /**
     * Whether the section is free, and made for this. An answer may keep the order
     * of codecs that a section had at first, and its encodings are those of its
     * first offer.
     *
     * @param {Sending} sending
     */
    suits(sending: Sending): boolean;
    /**
     * Carries another track from the next offer on. Call encode() then.
     *
     * @param {Sending} sending
     */
    reuse(sending: Sending): Promise<void>;
    /**
     * The source is another one, perhaps of another size. Call encode() when it is.
     *
     * @param {MediaStreamTrack} track
     * @returns {boolean} whether the encodings are different now
     */
    fit(track: MediaStreamTrack): boolean;
    /**
     * The server's word on what is needed. Call encode() then.
     *
     * @param {Demand} demand
     */
    want(demand: Demand): void;
    /** @returns {wire.Encoding[] | undefined} what is sent at once, the smallest first; undefined of audio */
    get encodings(): wire.Encoding[] | undefined;
    /**
     * Has the browser encode as it should now. One call at a time: parameters
     * that are read while others are being set are yesterday's.
     *
     * @param {boolean} fed  whether anything is sent for now
     */
    encode(fed: boolean): Promise<void>;
    #private;
}
/**
 * What a sending section is for.
 */
export type Sending = {
    track: MediaStreamTrack;
    source: string;
    /**
     * the codec to prefer; VP8 unless told
     */
    codec?: VideoCodec | undefined;
    /**
     * whether a camera is sent in several sizes; true unless told
     */
    simulcast?: boolean | undefined;
};
import type { Demand } from './layers.js';
import type * as wire from './messages.js';
import type { Picture } from './layers.js';
import type { Size } from './layers.js';
import type { Layer } from './layers.js';
import type { VideoCodec } from './codecs.js';
