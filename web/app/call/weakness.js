/** @typedef {import('/sdk/hiroba.js').Quality} Quality */

/**
 * That media does not get through well, as a tile shows it.
 *
 * @typedef {object} Weakness
 * @property {1 | 2} bars of three that are left
 * @property {string} words
 */

/** Below this score one bar is left. */
const POOR = 40;

/**
 * What to show of our own connection.
 *
 * @param {Quality} quality
 * @returns {Weakness | null} null while it is good
 */
export function ownWeakness(quality) {
  if (!quality.cause) return null;
  return weakness(quality, quality.cause === 'server' ? 'The server is busy' : 'Your connection is weak');
}

/**
 * What to show of somebody else's. What lies with us or the server is shown
 * once, on our own tile, and not on everybody's.
 *
 * @param {Quality} quality
 * @returns {Weakness | null}
 */
export function theirWeakness(quality) {
  return quality.cause === 'uplink' ? weakness(quality, 'Their connection is weak') : null;
}

/**
 * @param {Quality} quality
 * @param {string} words
 * @returns {Weakness}
 */
function weakness({ score }, words) {
  return { bars: score < POOR ? 1 : 2, words };
}
