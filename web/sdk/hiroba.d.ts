/**
 * Joins a room; see Room for all it can do from there.
 *
 * @param {import('./room.js').ConnectOptions} options
 * @returns {Promise<Room>} rejects with HirobaError when the server cannot be
 *   reached or does not let this peer in
 */
export function connect(options: import("./room.js").ConnectOptions): Promise<Room>;
export { HirobaError } from "./errors.js";
export { Moderation } from "./moderation.js";
export { Publication } from "./publication.js";
export { Room } from "./room.js";
export type Reconnecting = import("./attachment.js").Reconnecting;
export type TransportName = import("./carrier.js").TransportName;
export type SendOptions = import("./data.js").SendOptions;
export type DiagnoseOptions = import("./diagnosis.js").DiagnoseOptions;
export type Leg = import("./diagnosis.js").Leg;
export type LegCause = import("./diagnosis.js").LegCause;
export type LegResult = import("./diagnosis.js").LegResult;
export type HirobaErrorCode = import("./errors.js").HirobaErrorCode;
export type Demand = import("./layers.js").Demand;
export type PublishOptions = import("./publication.js").PublishOptions;
export type MediaChange = import("./reception.js").MediaChange;
export type ConnectOptions = import("./room.js").ConnectOptions;
export type DataMissed = import("./room-events.js").DataMissed;
export type DataProgress = import("./room-events.js").DataProgress;
export type Knock = import("./room-events.js").Knock;
export type PeerSignal = import("./room-events.js").PeerSignal;
export type RoomData = import("./room-events.js").RoomData;
export type RoomEvents = import("./room-events.js").RoomEvents;
export type RoomMessage = import("./room-events.js").RoomMessage;
export type RoomState = import("./room-events.js").RoomState;
export type Quality = import("./quality.js").Quality;
export type LeftReason = import("./roster.js").LeftReason;
export type Peer = import("./roster.js").Peer;
export type Track = import("./roster.js").Track;
export type Grant = import("./settings.js").Grant;
export type RoomSettings = import("./settings.js").RoomSettings;
export type Topology = import("./settings.js").Topology;
export type Why = import("./slots.js").Why;
export type Shown = import("./view.js").Shown;
import { Room } from './room.js';
export { diagnose, LEGS } from "./diagnosis.js";
