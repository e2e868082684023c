import { HirobaError } from './errors.js';

/** @import { Link } from './link.js' */

/** What TURN servers say no with (RFC 8656, section 19), in codes of ours. @type {Record<number, import('./errors.js').HirobaErrorCode>} */
const REFUSALS = { 400: 'ACCESS_DENIED', 401: 'ACCESS_DENIED', 403: 'ACCESS_DENIED', 441: 'ACCESS_DENIED', 486: 'ROOM_FULL', 508: 'ROOM_FULL' };

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
export async function connectsToSFU(open, room, protocol, signal) {
  const link = await open();
  const pc = connection({}, signal);
  try {
    const channel = pc.createDataChannel('reliable');
    await pc.setLocalDescription();
    const { joined } = await link.request({
      join: { room, name: 'Connection test', offer: { to: 'sfu', type: 'OFFER', sdp: pc.localDescription?.sdp ?? '' } },
    });
    const sdp = only(joined?.answer?.sdp ?? '', protocol);
    if (!/^a=candidate:/mu.test(sdp)) throw new HirobaError('UNSUPPORTED', `The server has no candidate over ${protocol.toUpperCase()}.`);
    await pc.setRemoteDescription({ type: 'answer', sdp });
    await opens(channel, signal);
    return protocol.toUpperCase();
  } finally {
    pc.close();
    link.close();
  }
}

/**
 * Asks a STUN server for this browser's address.
 *
 * @param {RTCIceServer} server
 * @param {AbortSignal} signal
 * @returns {Promise<string>} the address, where the browser tells
 */
export function findsAddress(server, signal) {
  const pc = connection({ iceServers: [server] }, signal);
  pc.createDataChannel('test');
  // The server may be out of reach from some of our networks, such as those of
  // the other IP version; it has to answer on one.
  let networks = 0;
  let silent = 0;
  return new Promise((resolve, reject) => {
    pc.onicecandidateerror = () => { silent++; };
    pc.onicecandidate = ({ candidate }) => {
      if (candidate?.type === 'srflx') return resolve(candidate.address ?? '');
      if (candidate?.type === 'host' && candidate.protocol === 'udp') networks++;
      if (candidate !== null) return;
      // An address that is the browser's own anyway is no candidate of its own.
      if (silent > 0 && silent >= networks) reject(unreachable());
      else resolve('');
    };
    signal.addEventListener('abort', () => reject(unreachable()));
    pc.setLocalDescription().catch(reject);
  });
}

/**
 * Sends a message through two relayed addresses of a TURN server, and back.
 *
 * @param {RTCIceServer} server
 * @param {AbortSignal} signal
 * @returns {Promise<string>}
 */
export async function relays(server, signal) {
  /** @type {RTCConfiguration} */
  const settings = { iceServers: [server], iceTransportPolicy: 'relay' };
  const here = connection(settings, signal);
  const there = connection(settings, signal);
  here.onicecandidate = ({ candidate }) => void there.addIceCandidate(candidate ?? undefined).catch(() => {});
  there.onicecandidate = ({ candidate }) => void here.addIceCandidate(candidate ?? undefined).catch(() => {});
  const channel = here.createDataChannel('test');
  there.ondatachannel = (event) => {
    event.channel.onmessage = ({ data }) => event.channel.send(data);
  };
  /** What the server said of one of our networks; others may do. @type {HirobaError | undefined} */
  let full;
  /** @type {Promise<never>} */
  const refused = new Promise((_, reject) => {
    here.onicecandidateerror = (event) => {
      const error = refusal(/** @type {RTCPeerConnectionIceErrorEvent} */ (event));
      if (error.code === 'ACCESS_DENIED') reject(error);
      else if (error.code === 'ROOM_FULL') full = error;
    };
  });
  refused.catch(() => {}); // it may come while nobody waits yet
  try {
    await here.setLocalDescription();
    await there.setRemoteDescription(/** @type {RTCSessionDescription} */ (here.localDescription));
    await there.setLocalDescription();
    await here.setRemoteDescription(/** @type {RTCSessionDescription} */ (there.localDescription));
    await Promise.race([opens(channel, signal), refused]);
    await Promise.race([echoes(channel, signal), refused]);
    return String(server.urls);
  } catch (error) {
    throw full ?? error;
  } finally {
    here.close();
    there.close();
  }
}

/**
 * A PeerConnection that ends with its leg.
 *
 * @param {RTCConfiguration} settings
 * @param {AbortSignal} signal
 */
function connection(settings, signal) {
  if (typeof RTCPeerConnection === 'undefined') throw new HirobaError('UNSUPPORTED', 'This browser has no WebRTC.');
  const pc = new RTCPeerConnection(settings);
  signal.addEventListener('abort', () => pc.close());
  return pc;
}

/**
 * @param {RTCDataChannel} channel
 * @param {AbortSignal} signal
 * @returns {Promise<void>}
 */
function opens(channel, signal) {
  return new Promise((resolve, reject) => {
    channel.onopen = () => resolve();
    channel.onclose = () => reject(unreachable());
    signal.addEventListener('abort', () => reject(unreachable()));
    if (channel.readyState === 'open') resolve();
  });
}

/**
 * @param {RTCDataChannel} channel
 * @param {AbortSignal} signal
 * @returns {Promise<void>}
 */
function echoes(channel, signal) {
  return new Promise((resolve, reject) => {
    channel.onmessage = () => resolve();
    signal.addEventListener('abort', () => reject(unreachable()));
    channel.send('there and back');
  });
}

/** @param {RTCPeerConnectionIceErrorEvent} event */
function refusal({ errorCode, errorText }) {
  const code = REFUSALS[errorCode];
  return code ? new HirobaError(code, `The server said ${errorCode} ${errorText}`.trim()) : unreachable();
}

function unreachable() {
  return new HirobaError('MEDIA_UNREACHABLE', 'Nothing came in time.');
}

/**
 * A description without the candidates of other protocols.
 *
 * @param {string} sdp
 * @param {'udp' | 'tcp'} protocol
 */
export function only(sdp, protocol) {
  return sdp.split(/(?<=\n)/u)
    .filter((line) => !line.startsWith('a=candidate:') || line.split(' ')[2]?.toLowerCase() === protocol)
    .join('');
}
