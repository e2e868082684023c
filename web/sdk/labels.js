/**
 * Which media section of a description carries which track: an `a=label` line
 * (RFC 4574) in each section says the id of the track that its writer sends.
 */

/**
 * @param {string} sdp
 * @param {ReadonlyMap<string, string>} tracks  mid → track id
 * @returns {string} the same with labels
 */
export function withLabels(sdp, tracks) {
  return sdp.replace(/^a=mid:(.*?)(\r?\n)/gm, (line, mid, end) => {
    const id = tracks.get(mid);
    return id ? `${line}a=label:${id}${end}` : line;
  });
}

/**
 * @param {string} sdp
 * @returns {Map<string, string>} track id → mid
 */
export function readLabels(sdp) {
  /** @type {Map<string, string>} */
  const mids = new Map();
  for (const section of sdp.split(/^m=/m).slice(1)) {
    const mid = /^a=mid:(.+?)\r?$/m.exec(section)?.[1];
    const id = /^a=label:(.+?)\r?$/m.exec(section)?.[1];
    if (mid && id) mids.set(id, mid);
  }
  return mids;
}
