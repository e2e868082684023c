/** @import * as wire from './messages.js' */

/** What a peer may do: send and receive media, send messages and data, moderate, record. @typedef {'publish' | 'subscribe' | 'data' | 'admin' | 'record'} Grant */

/** Whether two peers may connect directly: while exactly two are there, never, or as `auto` in a room for two. @typedef {'auto' | 'sfu' | 'p2p'} TopologyPolicy */

/**
 * How a room is run.
 *
 * @typedef {object} RoomSettings
 * @property {string} metadata  whatever the application wants peers to know of the room, up to 4 KiB
 * @property {boolean} locked  nobody but moderators may join
 * @property {boolean} lobby  who joins waits until a moderator lets them in
 * @property {number} maxPeers
 * @property {number} historyMessages  how many messages newcomers get; 0: none
 * @property {number} historySeconds  and how old these may be
 * @property {TopologyPolicy} topology
 * @property {boolean} relayOnly  direct connections go through TURN, so that peers do not learn each other's addresses
 * @property {number} emptySeconds  how long the room stays when nobody is there
 */

/**
 * How the room's media flows now. The server alone decides.
 *
 * @typedef {object} Topology
 * @property {'sfu' | 'p2p'} mode  p2p: over a direct connection to the other peer
 * @property {string} epoch  a number that counts up with every change
 * @property {string} peer  p2p: id of the other peer
 * @property {boolean} moved  p2p: both receive over the direct connection
 */

/**
 * @param {wire.RoomSettings} [settings]
 * @returns {RoomSettings}
 */
export function roomSettings({
  metadata = '', locked = false, lobby = false, maxPeers = 0, historyMessages = 0, historySeconds = 0, topology, relayOnly = false,
  emptySeconds = 0,
} = {}) {
  return { metadata, locked, lobby, maxPeers, historyMessages, historySeconds, topology: policy(topology), relayOnly, emptySeconds };
}

/**
 * @param {Partial<RoomSettings>} change
 * @returns {wire.RoomChange}
 */
export function roomChange({ topology, ...rest }) {
  return topology ? { ...rest, topology: POLICIES[topology] } : rest;
}

/**
 * @param {wire.Topology} [topology]
 * @returns {Topology}
 */
export function topologyOf({ mode, epoch = '0', peer = '', moved = false } = {}) {
  return { mode: mode === 'P2P' ? 'p2p' : 'sfu', epoch, peer, moved };
}

/**
 * @param {readonly wire.Grant[]} [grants]
 * @returns {Grant[]}
 */
export function grantsOf(grants = []) {
  return grants.filter((grant) => grant !== 'GRANT_UNSPECIFIED').map((grant) => /** @type {Grant} */ (grant.toLowerCase()));
}

/**
 * @param {readonly Grant[]} grants
 * @returns {wire.Grant[]}
 */
export function wireGrants(grants) {
  return grants.map((grant) => /** @type {wire.Grant} */ (grant.toUpperCase()));
}

/** @type {Record<TopologyPolicy, wire.TopologyPolicy>} */
const POLICIES = { auto: 'TOPOLOGY_AUTO', sfu: 'TOPOLOGY_SFU', p2p: 'TOPOLOGY_P2P' };

/**
 * @param {wire.TopologyPolicy} [topology]
 * @returns {TopologyPolicy}
 */
function policy(topology) {
  if (topology === 'TOPOLOGY_SFU') return 'sfu';
  return topology === 'TOPOLOGY_P2P' ? 'p2p' : 'auto';
}
