/** @import { Link } from './link.js' */
/** @import { Media } from './media.js' */
/** @import { Publications } from './publications.js' */
/** @import { Reception } from './reception.js' */
/** @import { PeerSignal } from './room-events.js' */
/** @import { Roster } from './roster.js' */
/** @import * as wire from './messages.js' */
/**
 * @typedef {object} DirectOptions
 * @property {RTCIceTransportPolicy} [iceTransportPolicy]
 * @property {RTCIceServer[]} [iceServers]  those that the server names unless told
 */
/**
 * Direct follows the room's topology: it has a connection to the other peer
 * while the server says so, has Reception show what comes over it, and has the
 * SFU fed when it is needed. Whatever happens to a leg, the server is told and
 * decides; the connection to the SFU stays up underneath all the time.
 */
export class Direct {
    /**
     * @param {Link} link
     * @param {Media} media
     * @param {Publications} publications
     * @param {Reception} reception
     * @param {Roster} roster
     * @param {DirectOptions} options
     */
    constructor(link: Link, media: Media, publications: Publications, reception: Reception, roster: Roster, options: DirectOptions);
    /**
     * Takes the server's word on how media flows.
     *
     * @param {wire.Topology} [topology]
     */
    follow(topology?: wire.Topology): void;
    /**
     * Takes what another peer signals.
     *
     * @param {PeerSignal} signal
     * @returns {boolean} whether it is about a leg, rather than the application's own
     */
    take({ from, description, candidate }: PeerSignal): boolean;
    /** @returns {Promise<RTCStatsReport> | null} of the present leg; null without one */
    stats(): Promise<RTCStatsReport> | null;
    close(): void;
    #private;
}
export type DirectOptions = {
    iceTransportPolicy?: RTCIceTransportPolicy | undefined;
    /**
     * those that the server names unless told
     */
    iceServers?: RTCIceServer[] | undefined;
};
import type * as wire from './messages.js';
import type { PeerSignal } from './room-events.js';
import type { Link } from './link.js';
import type { Media } from './media.js';
import type { Publications } from './publications.js';
import type { Reception } from './reception.js';
import type { Roster } from './roster.js';
