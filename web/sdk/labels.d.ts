/**
 * Which media section of a description carries which track: an `a=label` line
 * (RFC 4574) in each section says the id of the track that its writer sends.
 */
/**
 * @param {string} sdp
 * @param {ReadonlyMap<string, string>} tracks  mid → track id
 * @returns {string} the same with labels
 */
export function withLabels(sdp: string, tracks: ReadonlyMap<string, string>): string;
/**
 * @param {string} sdp
 * @returns {Map<string, string>} track id → mid
 */
export function readLabels(sdp: string): Map<string, string>;
