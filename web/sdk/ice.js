/**
 * The ICE servers of the connection to the SFU, and of those between peers.
 */

/** @import { IceServer } from './messages.d.ts' */

/**
 * What the server offers, as RTCConfiguration wants it.
 *
 * STUN, TURN and the SFU are one UDP socket. A browser hands every datagram
 * that comes from the address of a STUN or TURN/UDP server of its own to that
 * server's handler, so with those in its list it would never hear the SFU's
 * answers. Nothing is lost without them: who reaches TURN over UDP on that
 * port reaches the SFU itself there. Only who wants a relay gets them.
 *
 * @param {IceServer[] | undefined} servers
 * @param {RTCIceTransportPolicy} policy
 * @returns {RTCIceServer[]}
 */
export function iceServersFor(servers = [], policy) {
  return pick(servers, policy === 'relay' ? /^turns?:/ : /^turns?:.*[?&]transport=tcp/);
}

/**
 * What the server offers, for a connection to somebody else than the SFU.
 *
 * @param {IceServer[] | undefined} servers
 * @returns {RTCIceServer[]}
 */
export function iceServersBetweenPeers(servers = []) {
  return pick(servers, /^/);
}

/**
 * @param {IceServer[]} servers
 * @param {RegExp} like
 * @returns {RTCIceServer[]}
 */
function pick(servers, like) {
  // Browsers do not speak DTLS with relays: they would try TLS there, and have
  // each relay over TLS twice.
  const wanted = (/** @type {string} */ url) => like.test(url) && !/^turns:.*[?&]transport=udp/.test(url);
  return servers
    .map(({ urls = [], username, credential }) => ({ urls: urls.filter(wanted), username, credential }))
    .filter(({ urls }) => urls.length > 0);
}
