/**
 * In which sizes a picture is sent to the SFU at once, so that each receiver can
 * be given one that fits; and which of them are wanted now.
 */

/** @import { VideoCodec } from './codecs.js' */
/** @import { MediaKind } from './media.js' */
/** @import * as wire from './messages.js' */

/** @typedef {{width: number, height: number}} Size  in pixels; 0 while unknown */

/**
 * What is to be sent.
 *
 * @typedef {object} Picture
 * @property {MediaKind} kind
 * @property {string} source
 * @property {VideoCodec} [codec]  VP8 unless told
 * @property {boolean} [simulcast]  true unless told
 * @property {boolean} [text]  it shows something to read, which no smaller size is good for
 */

/**
 * One encoding of a track.
 *
 * @typedef {object} Layer
 * @property {string} rid  as in `a=rid` (RFC 8851); '' without simulcast
 * @property {boolean} used  false: the source is too small for so many
 * @property {number} scale  how many times smaller than the source it is
 * @property {number} [bps]  the most it takes, in bit/s
 * @property {string} [mode]  what it has inside (W3C WebRTC-SVC)
 */

/**
 * What the server needs of a publication; the rest need not be sent.
 *
 * @typedef {object} Demand
 * @property {boolean} paused  nobody receives it
 * @property {readonly string[]} rids  with simulcast: the encodings that somebody receives; empty: all
 */

/** The smallest first. */
const RIDS = ['q', 'h', 'f'];

/** @type {Demand} */
export const ALL = { paused: false, rids: [] };

/**
 * From so many pixels on a source has three sizes, or two. (Chromium has the
 * same bounds, and drops the largest size where there are more.)
 */
const THREE = 960 * 540;
const TWO = 480 * 270;

const HD = 1280 * 720;
const HD_BPS = 1_700_000;
const SCREEN_BPS = 2_500_000;
const LEAST_BPS = 100_000;
const MOST_BPS = 3_000_000;

/**
 * @param {MediaKind} kind
 * @param {string} source
 * @returns {number | undefined} the most that one encoding takes alone, in bit/s; undefined: as the browser likes
 */
export function maxBitrate(kind, source) {
  if (kind === 'audio') return undefined;
  return source === 'screen' ? SCREEN_BPS : HD_BPS;
}

/**
 * What to send of something at once.
 *
 * @param {Picture} picture
 * @param {Size} size  of the source
 * @returns {Layer[]} the smallest first
 */
export function planLayers(picture, size) {
  const { kind, codec = 'VP8', simulcast = true } = picture;
  if (kind === 'audio') return [{ rid: '', used: true, scale: 1 }];
  const count = isCamera(picture) && simulcast ? sizesOf(size) : 1;
  if (count === 1) return fitLayers([''], picture, size, 'L1T3');
  // These have the sizes inside one encoding, at a lower price.
  if (codec === 'VP9' || codec === 'AV1') return fitLayers([''], picture, size, `L${count}T3_KEY`);
  return fitLayers(RIDS.slice(0, count), picture, size, 'L1T3');
}

/**
 * The same encodings for a source of another size.
 *
 * @param {readonly string[]} rids  the smallest first
 * @param {Picture} picture
 * @param {Size} size
 * @param {string} [mode]
 * @returns {Layer[]}
 */
export function fitLayers(rids, picture, size, mode) {
  const count = Math.min(rids.length, rids.length === 1 ? 1 : sizesOf(size));
  return rids.map((rid, i) => {
    const used = i < count;
    const scale = used ? 2 ** (count - 1 - i) : 1;
    return { rid, used, scale, bps: isCamera(picture) ? cameraBps(size, scale) : maxBitrate(picture.kind, picture.source), mode };
  });
}

/**
 * Which encodings are to be sent now.
 *
 * @param {readonly Layer[]} layers
 * @param {boolean} fed  whether anything is
 * @param {Demand} demand
 * @returns {boolean[]} in the order of the layers
 */
export function activeLayers(layers, fed, { paused, rids }) {
  const wanted = layers.map(({ rid, used }) => used && (rid === '' || rids.length === 0 || rids.includes(rid)));
  // The server may not know yet that the source has become smaller: better the
  // largest there is than nothing.
  if (!wanted.includes(true)) wanted[layers.findLastIndex(({ used }) => used)] = true;
  return wanted.map((is) => is && fed && !paused);
}

/**
 * The same for the server.
 *
 * @param {readonly Layer[]} layers
 * @param {Size} size
 * @returns {wire.Encoding[]} the smallest first
 */
export function encodingsOf(layers, { width, height }) {
  return layers.filter(({ used }) => used).map(({ rid, scale }) =>
    ({ rid, width: Math.floor(width / scale), height: Math.floor(height / scale) }));
}

/**
 * @param {MediaStreamTrack} track
 * @returns {Size}
 */
export function sizeOf(track) {
  const { width = 0, height = 0 } = track.getSettings();
  return { width, height };
}

/** @param {Picture} picture */
function isCamera({ kind, source, text = false }) {
  return kind === 'video' && source !== 'screen' && !text;
}

/** @param {Size} size */
function sizesOf({ width, height }) {
  const pixels = width * height;
  return pixels >= THREE ? 3 : pixels >= TWO ? 2 : 1;
}

/**
 * @param {Size} size
 * @param {number} scale
 */
function cameraBps({ width, height }, scale) {
  const pixels = (width * height) / scale ** 2;
  if (pixels === 0) return HD_BPS;
  // A picture four times smaller takes rather more than a fourth.
  const bps = HD_BPS * (pixels / HD) ** 0.87;
  return Math.round(Math.min(Math.max(bps, LEAST_BPS), MOST_BPS) / 1000) * 1000;
}
