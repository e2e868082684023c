/**
 * Opens a DataChannel to the SFU over UDP or TCP alone: that takes ICE, DTLS and
 * SCTP, with packets both ways.
 *
 * @param {() => Promise<Link>} open
 * @param {string} room
 * @param {'udp' | 'tcp'} protocol
 * @param {AbortSignal} signal
 * @returns {Promise<string>}
 */
export function connectsToSFU(open: () => Promise<Link>, room: string, protocol: "udp" | "tcp", signal: AbortSignal): Promise<string>;
/**
 * Asks a STUN server for this browser's address.
 *
 * @param {RTCIceServer} server
 * @param {AbortSignal} signal
 * @returns {Promise<string>} the address, where the browser tells
 */
export function findsAddress(server: RTCIceServer, signal: AbortSignal): Promise<string>;
/**
 * Sends a message through two relayed addresses of a TURN server, and back.
 *
 * @param {RTCIceServer} server
 * @param {AbortSignal} signal
 * @returns {Promise<string>}
 */
export function relays(server: RTCIceServer, signal: AbortSignal): Promise<string>;
/**
 * A description without the candidates of other protocols.
 *
 * @param {string} sdp
 * @param {'udp' | 'tcp'} protocol
 */
export function only(sdp: string, protocol: "udp" | "tcp"): string;
import type { Link } from './link.js';
