/**
 * @param {MediaKind} kind
 * @param {string} source
 * @returns {number | undefined} the most that one encoding takes alone, in bit/s; undefined: as the browser likes
 */
export function maxBitrate(kind: MediaKind, source: string): number | undefined;
/**
 * What to send of something at once.
 *
 * @param {Picture} picture
 * @param {Size} size  of the source
 * @returns {Layer[]} the smallest first
 */
export function planLayers(picture: Picture, size: Size): Layer[];
/**
 * The same encodings for a source of another size.
 *
 * @param {readonly string[]} rids  the smallest first
 * @param {Picture} picture
 * @param {Size} size
 * @param {string} [mode]
 * @returns {Layer[]}
 */
export function fitLayers(rids: readonly string[], picture: Picture, size: Size, mode?: string): Layer[];
/**
 * Which encodings are to be sent now.
 *
 * @param {readonly Layer[]} layers
 * @param {boolean} fed  whether anything is
 * @param {Demand} demand
 * @returns {boolean[]} in the order of the layers
 */
export function activeLayers(layers: readonly Layer[], fed: boolean, { paused, rids }: Demand): boolean[];
/**
 * The same for the server.
 *
 * @param {readonly Layer[]} layers
 * @param {Size} size
 * @returns {wire.Encoding[]} the smallest first
 */
export function encodingsOf(layers: readonly Layer[], { width, height }: Size): wire.Encoding[];
/**
 * @param {MediaStreamTrack} track
 * @returns {Size}
 */
export function sizeOf(track: MediaStreamTrack): Size;
/** @type {Demand} */
export const ALL: Demand;
/**
 * in pixels; 0 while unknown
 */
export type Size = {
    width: number;
    height: number;
};
/**
 * What is to be sent.
 */
export type Picture = {
    kind: MediaKind;
    source: string;
    /**
     * VP8 unless told
     */
    codec?: VideoCodec | undefined;
    /**
     * true unless told
     */
    simulcast?: boolean | undefined;
    /**
     * it shows something to read, which no smaller size is good for
     */
    text?: boolean | undefined;
};
/**
 * One encoding of a track.
 */
export type Layer = {
    /**
     * as in `a=rid` (RFC 8851); '' without simulcast
     */
    rid: string;
    /**
     * false: the source is too small for so many
     */
    used: boolean;
    /**
     * how many times smaller than the source it is
     */
    scale: number;
    /**
     * the most it takes, in bit/s
     */
    bps?: number | undefined;
    /**
     * what it has inside (W3C WebRTC-SVC)
     */
    mode?: string | undefined;
};
/**
 * What the server needs of a publication; the rest need not be sent.
 */
export type Demand = {
    /**
     * nobody receives it
     */
    paused: boolean;
    /**
     * with simulcast: the encodings that somebody receives; empty: all
     */
    rids: readonly string[];
};
import type { MediaKind } from './media.js';
import type * as wire from './messages.js';
import type { VideoCodec } from './codecs.js';
