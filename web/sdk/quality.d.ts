/**
 * Takes the server's `quality`, which always lists all that is not good.
 *
 * @param {Iterable<Peer>} peers  everybody, this client included
 * @param {wire.Quality} told
 * @returns {Generator<Peer, void, void>} each whose quality is another now
 */
export function assess(peers: Iterable<Peer>, { peers: told }: wire.Quality): Generator<Peer, void, void>;
/** @import * as wire from './messages.js' */
/** @import { Peer } from './roster.js' */
/**
 * What holds media up: the way from the publisher to the server, the one from
 * the server to who receives it, or the server itself; empty when it is good.
 *
 * @typedef {'' | 'uplink' | 'downlink' | 'server'} QualityCause
 */
/**
 * @typedef {object} TrackQuality
 * @property {number} score  0, nothing gets through, to 100, nothing is wrong
 * @property {QualityCause} cause
 */
/**
 * How well media of a peer gets through to this client; of this client itself,
 * how good its connection is, both ways. Replaced when it changes.
 *
 * @typedef {object} Quality
 * @property {number} score  0 to 100, of the worst part
 * @property {QualityCause} cause
 * @property {ReadonlyMap<string, TrackQuality>} tracks  those that do not get through well, by track id
 */
/** The quality of what nothing is known against. @type {Quality} */
export const GOOD: Quality;
/**
 * What holds media up: the way from the publisher to the server, the one from
 * the server to who receives it, or the server itself; empty when it is good.
 */
export type QualityCause = "" | "uplink" | "downlink" | "server";
export type TrackQuality = {
    /**
     * 0, nothing gets through, to 100, nothing is wrong
     */
    score: number;
    cause: QualityCause;
};
/**
 * How well media of a peer gets through to this client; of this client itself,
 * how good its connection is, both ways. Replaced when it changes.
 */
export type Quality = {
    /**
     * 0 to 100, of the worst part
     */
    score: number;
    cause: QualityCause;
    /**
     * those that do not get through well, by track id
     */
    tracks: ReadonlyMap<string, TrackQuality>;
};
import type { Peer } from './roster.js';
import type * as wire from './messages.js';
