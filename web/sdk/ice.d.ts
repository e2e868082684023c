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
export function iceServersFor(servers: IceServer[] | undefined, policy: RTCIceTransportPolicy): RTCIceServer[];
/**
 * What the server offers, for a connection to somebody else than the SFU.
 *
 * @param {IceServer[] | undefined} servers
 * @returns {RTCIceServer[]}
 */
export function iceServersBetweenPeers(servers?: IceServer[] | undefined): RTCIceServer[];
import type { IceServer } from './messages.d.ts';
