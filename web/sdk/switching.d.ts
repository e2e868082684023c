/**
 * Whether a track is received over the leg, so that it can be shown from there.
 *
 * @param {Look} look
 * @param {number} connectedMs  for how long the leg has been connected
 */
export function isReceived({ muted, direct, slotQuietMs }: Look, connectedMs: number): boolean;
/**
 * Which of the tracks that are shown from a leg can be shown from their slots,
 * now that the leg is being left.
 *
 * @param {Look[]} looks
 * @param {{leavingMs: number, alive: boolean}} leg  how long it is being left; whether media still comes over it
 * @returns {string[]} track ids
 */
export function backToSlots(looks: Look[], { leavingMs, alive }: {
    leavingMs: number;
    alive: boolean;
}): string[];
/**
 * Whether a leg has to be given up.
 *
 * @param {object} leg
 * @param {RTCPeerConnectionState} leg.state
 * @param {number} leg.stateMs  for how long
 * @param {boolean} leg.expected  something that has come over it is to go on coming
 * @param {number} leg.quietMs  for how long nothing has come over it
 */
export function isDead({ state, stateMs, expected, quietMs }: {
    state: RTCPeerConnectionState;
    stateMs: number;
    expected: boolean;
    quietMs: number;
}): boolean;
/**
 * One track of the other peer, as a look at both ways finds it.
 */
export type Look = {
    id: string;
    kind: "audio" | "video";
    /**
     * by its publisher
     */
    muted: boolean;
    /**
     * what came over the leg; null while it has no section there
     */
    direct: number | null;
    /**
     * for how long nothing has come over the SFU
     */
    slotQuietMs: number;
    /**
     * something has come over the SFU since the leg is being left
     */
    slotFlows: boolean;
};
