/** @import { Knock } from './room-events.js' */
/** @import { RoomSettings, Topology } from './settings.js' */
/** @import * as wire from './messages.js' */
/**
 * What a Room tells of it.
 *
 * @typedef {object} HallCalls
 * @property {(settings: RoomSettings) => void} settings
 * @property {(topology: Topology) => void} topology
 * @property {(knock: Knock, over: boolean) => void} knock
 */
/**
 * Hall is the room apart from its peers: how it is run, how its media flows,
 * and who waits at the door.
 */
export class Hall {
    /** @param {HallCalls} calls */
    constructor(calls: HallCalls);
    settings: RoomSettings;
    topology: Topology;
    /** @type {ReadonlyMap<string, Knock>} */
    get knocks(): ReadonlyMap<string, Knock>;
    /**
     * Starts from what answers join; nothing is told.
     *
     * @param {wire.Joined} joined
     */
    reset({ settings, topology, knocks }: wire.Joined): void;
    /**
     * Becomes what a later snapshot says.
     *
     * @param {wire.Joined} joined
     */
    catchUp({ settings, topology, knocks }: wire.Joined): void;
    /**
     * @param {wire.ServerMessage} message
     * @returns {boolean} whether it was about this
     */
    apply({ roomUpdated, topology, knock }: wire.ServerMessage): boolean;
    #private;
}
/**
 * What a Room tells of it.
 */
export type HallCalls = {
    settings: (settings: RoomSettings) => void;
    topology: (topology: Topology) => void;
    knock: (knock: Knock, over: boolean) => void;
};
import type { RoomSettings } from './settings.js';
import type { Topology } from './settings.js';
import type { Knock } from './room-events.js';
import type * as wire from './messages.js';
