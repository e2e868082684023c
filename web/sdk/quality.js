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
export const GOOD = Object.freeze({ score: 100, cause: '', tracks: new Map() });

/** @type {Record<wire.QualityCause, QualityCause>} */
const CAUSES = { CAUSE_UNSPECIFIED: '', UPLINK: 'uplink', DOWNLINK: 'downlink', SERVER: 'server' };

/**
 * Takes the server's `quality`, which always lists all that is not good.
 *
 * @param {Iterable<Peer>} peers  everybody, this client included
 * @param {wire.Quality} told
 * @returns {Generator<Peer, void, void>} each whose quality is another now
 */
export function* assess(peers, { peers: told = [] }) {
  const poor = new Map(told.map((entry) => [entry.peer, entry]));
  for (const peer of [...peers]) {
    const now = read(poor.get(peer.id));
    if (same(peer.quality, now)) continue;
    peer.quality = now;
    yield peer;
  }
}

/**
 * @param {wire.PeerQuality | undefined} entry
 * @returns {Quality}
 */
function read(entry) {
  if (!entry) return GOOD;
  return { ...scored(entry), tracks: new Map((entry.tracks ?? []).map((track) => [track.track ?? '', scored(track)])) };
}

/**
 * @param {wire.PeerQuality | wire.TrackQuality} entry
 * @returns {TrackQuality}
 */
function scored({ score = 0, cause = 'CAUSE_UNSPECIFIED' }) {
  return { score, cause: CAUSES[cause] ?? '' };
}

/**
 * @param {Quality} a
 * @param {Quality} b
 */
function same(a, b) {
  const flat = (/** @type {Quality} */ { score, cause, tracks }) => JSON.stringify([score, cause, [...tracks]]);
  return a === b || flat(a) === flat(b);
}
