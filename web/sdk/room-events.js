// What a Room tells: its states and events. Types only; no code is loaded from here.

/** @import { HirobaError } from './errors.js' */
/** @import * as wire from './messages.js' */
/** @import { Reconnecting } from './attachment.js' */
/** @import { TransportName } from './carrier.js' */
/** @import { MediaChange } from './reception.js' */
/** @import { Publication } from './publication.js' */
/** @import { LeftReason, Peer, Track } from './roster.js' */
/** @import { RoomSettings, Topology } from './settings.js' */

/**
 * - `connecting`: media does not flow yet, for the first time
 * - `connected`: signaling and media are up
 * - `reconnecting`: one of them broke and is being repaired; the other goes on, and what
 *   is said meanwhile is sent later
 * - `lost`: that did not succeed in time, or the server is gone; join again
 * - `closed`: left, or ended by the server for good
 *
 * @typedef {'connecting' | 'connected' | 'reconnecting' | 'lost' | 'closed'} RoomState
 */

/**
 * Something that was emitted by a peer.
 *
 * @typedef {object} RoomMessage
 * @property {string} from  peer id
 * @property {string[]} to  peer ids; empty: everybody
 * @property {string} topic
 * @property {string} text  as it was sent
 * @property {any} data  the value: `text` read as JSON, or `text` itself when it is none
 * @property {number} sentMs  when the server took it, Unix milliseconds
 * @property {string} name  in `room.history`: what the sender was called, who may have left since
 */

/**
 * Something that came over a DataChannel.
 *
 * @typedef {object} RoomData
 * @property {string} from  peer id
 * @property {string[]} to  peer ids; empty: everybody
 * @property {string} topic
 * @property {Uint8Array} payload
 * @property {ChannelName} channel
 */

/** @typedef {'reliable' | 'lossy'} ChannelName */

/**
 * How much of a large message has come.
 *
 * @typedef {object} DataProgress
 * @property {string} from  peer id
 * @property {string[]} to  peer ids; empty: everybody
 * @property {string} topic
 * @property {number} message  another one for each message of that peer
 * @property {number} received  bytes
 * @property {number} total
 */

/**
 * A peer that does not get a large message of this client's: it is gone, or
 * reads nothing.
 *
 * @typedef {object} DataMissed
 * @property {string} peer  peer id
 * @property {string} topic
 */

/**
 * A description or candidate that another peer (not the SFU) sent.
 *
 * @typedef {object} PeerSignal
 * @property {string} from  peer id
 * @property {wire.Description} [description]
 * @property {wire.Candidate} [candidate]
 */

/**
 * Somebody who waits to be let in; told to moderators.
 *
 * @typedef {object} Knock
 * @property {string} peer  peer id, for moderate.admit() and moderate.refuse()
 * @property {string} name
 * @property {string} user  who it is beyond this room; may be empty
 * @property {string} metadata
 */

/**
 * The events of a Room and the arguments of their handlers.
 *
 * @typedef {{
 *   'state': [state: RoomState, error?: HirobaError],
 *   'peer-joined': [peer: Peer],
 *   'reconnecting': [how: Reconnecting],
 *   'transport': [transport: TransportName],
 *   'access-expiring': [expiresMs: number],
 *   'room-updated': [settings: RoomSettings],
 *   'topology': [topology: Topology],
 *   'knock': [knock: Knock, over: boolean],
 *   'peer-updated': [peer: Peer],
 *   'peer-left': [peer: Peer, reason: LeftReason],
 *   'track-published': [track: Track, peer: Peer],
 *   'track-updated': [track: Track, peer: Peer],
 *   'track-removed': [track: Track, peer: Peer],
 *   'demand': [publication: Publication],
 *   'speakers': [peerIds: string[]],
 *   'quality': [peer: Peer],
 *   'media': [change: MediaChange],
 *   'message': [message: RoomMessage],
 *   'data': [data: RoomData],
 *   'data-progress': [progress: DataProgress],
 *   'data-missed': [missed: DataMissed],
 *   'signal': [signal: PeerSignal],
 *   'error': [error: HirobaError],
 *   [topic: `message:${string}`]: [message: RoomMessage],
 * }} RoomEvents
 */

export {};
