/** @typedef {import('/sdk/hiroba.js').Room} Room */

/** What carries signaling, for people. @type {Record<import('/sdk/hiroba.js').TransportName, string>} */
const TRANSPORTS = { websocket: 'WebSocket', sse: 'Event stream', poll: 'Polling' };

/**
 * How we are connected, in a few words each.
 *
 * @typedef {object} Paths
 * @property {string} server
 * @property {string} media
 */

/**
 * @param {Pick<Room, 'state' | 'transport' | 'topology'>} room
 * @returns {Paths}
 */
export function pathsOf({ state, transport, topology }) {
  if (state === 'lost' || state === 'closed') return { server: 'Not connected', media: 'Not connected' };
  return {
    server: transport ? TRANSPORTS[transport] : 'Reconnecting…',
    media: topology.mode === 'p2p' && topology.moved ? 'Direct' : 'Over the server',
  };
}
