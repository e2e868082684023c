/** @import { VideoCodec } from './codecs.js' */
/** @import { Progress } from './progress.js' */
/** @import { Sent } from './publications.js' */
/** @import * as wire from './messages.js' */
/**
 * @typedef {object} DirectLegCalls
 * @property {(signal: {description?: wire.Description, candidate?: wire.Candidate}) => void} say  to the other peer
 * @property {() => void} state  `state` has changed
 * @property {(error: unknown) => void} failed  the two do not agree
 */
/**
 * DirectLeg is one PeerConnection to another peer. Both offer as they like, in
 * the way of perfect negotiation (W3C WebRTC, section 10.7); only the first
 * offer is the impolite one's.
 *
 * Each peer sends in sections of its own. As toward the SFU, one that is not
 * needed any more becomes `inactive` and is used again, never stopped.
 */
export class DirectLeg {
    /**
     * @param {RTCConfiguration} configuration
     * @param {boolean} polite
     * @param {DirectLegCalls} calls
     */
    constructor(configuration: RTCConfiguration, polite: boolean, calls: DirectLegCalls);
    /** @returns {RTCPeerConnectionState} */
    get state(): RTCPeerConnectionState;
    /**
     * Sends these and no others.
     *
     * @param {Sent[]} sent
     */
    carry(sent: Sent[]): void;
    /**
     * @param {string} trackId
     * @returns {MediaStreamTrack | null} what the other peer sends as this track
     */
    track(trackId: string): MediaStreamTrack | null;
    /**
     * @param {string} trackId
     * @returns {Promise<Progress | null>} null when the other peer sends no such track
     */
    progress(trackId: string): Promise<Progress | null>;
    /**
     * Takes what the other peer said.
     *
     * @param {{description?: wire.Description, candidate?: wire.Candidate}} signal
     */
    take({ description, candidate }: {
        description?: wire.Description;
        candidate?: wire.Candidate;
    }): void;
    stats(): Promise<RTCStatsReport>;
    close(): void;
    #private;
}
export type DirectLegCalls = {
    /**
     * to the other peer
     */
    say: (signal: {
        description?: wire.Description;
        candidate?: wire.Candidate;
    }) => void;
    /**
     * `state` has changed
     */
    state: () => void;
    /**
     * the two do not agree
     */
    failed: (error: unknown) => void;
};
import type { Sent } from './publications.js';
import type { Progress } from './progress.js';
import type * as wire from './messages.js';
