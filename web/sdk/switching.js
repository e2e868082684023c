/**
 * When a track changes between its slot and a direct leg: make before break,
 * decided from what was received so far. Counts are of pictures decoded for
 * video and of packets for audio.
 */

/**
 * One track of the other peer, as a look at both ways finds it.
 *
 * @typedef {object} Look
 * @property {string} id
 * @property {'audio' | 'video'} kind
 * @property {boolean} muted  by its publisher
 * @property {number | null} direct  what came over the leg; null while it has no section there
 * @property {number} slotQuietMs  for how long nothing has come over the SFU
 * @property {boolean} slotFlows  something has come over the SFU since the leg is being left
 */

/** What the SFU does not bring for so long, the leg need not bring either. */
const QUIET_MS = 2000;
/** A leg that is being left is shown no longer than this. */
const HOLD_MS = 3000;
/** A leg without a path for so long is dead: ICE itself waits much longer. */
const DISCONNECTED_MS = 1500;
/** So is one over which nothing at all comes. */
const STALLED_MS = 2000;

/**
 * Whether a track is received over the leg, so that it can be shown from there.
 *
 * @param {Look} look
 * @param {number} connectedMs  for how long the leg has been connected
 */
export function isReceived({ muted, direct, slotQuietMs }, connectedMs) {
  if (direct === null) return false;
  // A picture may stand still, or its source be gone.
  return muted || direct > 0 || Math.min(slotQuietMs, connectedMs) >= QUIET_MS;
}

/**
 * Which of the tracks that are shown from a leg can be shown from their slots,
 * now that the leg is being left.
 *
 * @param {Look[]} looks
 * @param {{leavingMs: number, alive: boolean}} leg  how long it is being left; whether media still comes over it
 * @returns {string[]} track ids
 */
export function backToSlots(looks, { leavingMs, alive }) {
  const isBack = (/** @type {Look} */ { muted, slotFlows }) => muted || slotFlows || leavingMs >= HOLD_MS;
  // Lips and voice change together, unless the voice would be cut off meanwhile.
  const pictures = !alive || looks.every((look) => look.kind === 'audio' || isBack(look));
  return looks.filter((look) => isBack(look) && (look.kind === 'video' || pictures)).map(({ id }) => id);
}

/**
 * Whether a leg has to be given up.
 *
 * @param {object} leg
 * @param {RTCPeerConnectionState} leg.state
 * @param {number} leg.stateMs  for how long
 * @param {boolean} leg.expected  something that has come over it is to go on coming
 * @param {number} leg.quietMs  for how long nothing has come over it
 */
export function isDead({ state, stateMs, expected, quietMs }) {
  switch (state) {
    case 'failed':
    case 'closed':
      return true;
    case 'disconnected':
      return stateMs >= DISCONNECTED_MS;
    case 'connected':
      return expected && quietMs >= STALLED_MS;
    default:
      // The server waits for a leg to be made, and not forever.
      return false;
  }
}
