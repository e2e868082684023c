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
export function roomSettings({ metadata, locked, lobby, maxPeers, historyMessages, historySeconds, topology, relayOnly, emptySeconds, }?: wire.RoomSettings): RoomSettings;
/**
 * @param {Partial<RoomSettings>} change
 * @returns {wire.RoomChange}
 */
export function roomChange({ topology, ...rest }: Partial<RoomSettings>): wire.RoomChange;
/**
 * @param {wire.Topology} [topology]
 * @returns {Topology}
 */
export function topologyOf({ mode, epoch, peer, moved }?: wire.Topology): Topology;
/**
 * @param {readonly wire.Grant[]} [grants]
 * @returns {Grant[]}
 */
export function grantsOf(grants?: readonly wire.Grant[]): Grant[];
/**
 * @param {readonly Grant[]} grants
 * @returns {wire.Grant[]}
 */
export function wireGrants(grants: readonly Grant[]): wire.Grant[];
/**
 * What a peer may do: send and receive media, send messages and data, moderate, record.
 */
export type Grant = "publish" | "subscribe" | "data" | "admin" | "record";
/**
 * Whether two peers may connect directly: while exactly two are there, never, or as `auto` in a room for two.
 */
export type TopologyPolicy = "auto" | "sfu" | "p2p";
/**
 * How a room is run.
 */
export type RoomSettings = {
    /**
     * whatever the application wants peers to know of the room, up to 4 KiB
     */
    metadata: string;
    /**
     * nobody but moderators may join
     */
    locked: boolean;
    /**
     * who joins waits until a moderator lets them in
     */
    lobby: boolean;
    maxPeers: number;
    /**
     * how many messages newcomers get; 0: none
     */
    historyMessages: number;
    /**
     * and how old these may be
     */
    historySeconds: number;
    topology: TopologyPolicy;
    /**
     * direct connections go through TURN, so that peers do not learn each other's addresses
     */
    relayOnly: boolean;
    /**
     * how long the room stays when nobody is there
     */
    emptySeconds: number;
};
/**
 * How the room's media flows now. The server alone decides.
 */
export type Topology = {
    /**
     * p2p: over a direct connection to the other peer
     */
    mode: "sfu" | "p2p";
    /**
     * a number that counts up with every change
     */
    epoch: string;
    /**
     * p2p: id of the other peer
     */
    peer: string;
    /**
     * p2p: both receive over the direct connection
     */
    moved: boolean;
};
import type * as wire from './messages.js';
