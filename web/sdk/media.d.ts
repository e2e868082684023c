/** @import { Candidate, Encoding } from './messages.js' */
/** @import { Demand } from './layers.js' */
/** @import { Progress } from './progress.js' */
/** @import { Sending } from './sending-section.js' */
/** @typedef {'audio' | 'video'} MediaKind */
/**
 * @typedef {object} MediaCalls
 * @property {(candidate: Candidate) => void} candidate  one to send to the SFU; an empty one is the last
 * @property {(error: Error) => void} badCandidate  the browser refused one of the SFU's
 * @property {() => void} state  `state` has changed
 * @property {() => void} interrupted  nothing is heard from the SFU; that may pass
 * @property {() => void} failed  ICE found no path; a restart may
 * @property {() => void} dead  DTLS was closed or has failed: nothing repairs that
 */
/**
 * Media is the PeerConnection to the SFU: sending sections, slots and
 * candidates. It makes offers and takes answers; who says them to whom and in
 * which order is Negotiation's business.
 *
 * A section that is not needed any more becomes `inactive` and is used again,
 * so that publishing and stopping all day does not make the SDP grow. It is
 * never stopped: Chromium mixes up its sections when one is stopped after the
 * offer that it was in was rolled back.
 */
export class Media {
    /**
     * @param {RTCConfiguration} configuration
     * @param {MediaCalls} calls
     */
    constructor(configuration: RTCConfiguration, calls: MediaCalls);
    /** @returns {RTCPeerConnectionState} */
    get state(): RTCPeerConnectionState;
    /** Whether nothing is heard from the SFU. */
    get interrupted(): boolean;
    /** The most bytes that one DataChannel message may have; known after the first answer. */
    get maxMessageSize(): number;
    /**
     * @param {string} label
     * @param {RTCDataChannelInit} options
     */
    openChannel(label: string, options: RTCDataChannelInit): RTCDataChannel;
    /**
     * Gives a track a sending section for the next offer.
     *
     * @param {Sending} sending
     * @returns {Promise<RTCRtpTransceiver>}
     */
    send(sending: Sending): Promise<RTCRtpTransceiver>;
    /**
     * @param {RTCRtpTransceiver} transceiver
     * @returns {Encoding[] | undefined} what a section sends at once, the smallest first; undefined of audio
     */
    encodings(transceiver: RTCRtpTransceiver): Encoding[] | undefined;
    /**
     * Sends of a section no more than is needed, from now on and without an offer.
     *
     * @param {RTCRtpTransceiver} transceiver
     * @param {Demand} demand
     * @returns {Promise<void>} resolves when the browser does so
     */
    demand(transceiver: RTCRtpTransceiver, demand: Demand): Promise<void>;
    /**
     * Has a section encode what its source, which is another one, has to give.
     *
     * @param {RTCRtpTransceiver} transceiver
     * @param {MediaStreamTrack} track
     * @returns {Promise<boolean>} whether encodings() is different now
     */
    fit(transceiver: RTCRtpTransceiver, track: MediaStreamTrack): Promise<boolean>;
    /**
     * Holds back what is sent, or lets it go again, from now on and without an
     * offer: while two peers have a direct connection, the SFU needs nothing. A
     * video that goes again begins with a keyframe.
     *
     * @param {boolean} on
     * @returns {Promise<void>} resolves when the browser does so
     */
    feed(on: boolean): Promise<void>;
    /**
     * Ends the sending of a section as of the next offer; nothing leaves it from now on.
     *
     * @param {RTCRtpTransceiver} transceiver
     */
    release(transceiver: RTCRtpTransceiver): Promise<void>;
    /**
     * Opens slots for the next offer.
     *
     * @param {MediaKind} kind
     * @param {number} count
     * @returns {RTCRtpTransceiver[]} those that were opened
     */
    openSlots(kind: MediaKind, count: number): RTCRtpTransceiver[];
    /**
     * Closes slots as of the next offer.
     *
     * @param {RTCRtpTransceiver[]} slots
     */
    closeSlots(slots: RTCRtpTransceiver[]): void;
    /** @param {MediaKind} kind */
    slotCount(kind: MediaKind): number;
    /**
     * @param {string} mid
     * @returns {MediaStreamTrack | null} what the slot receives
     */
    slotTrack(mid: string): MediaStreamTrack | null;
    /**
     * @param {string} mid
     * @returns {Promise<Progress | null>} what the slot has received so far
     */
    slotProgress(mid: string): Promise<Progress | null>;
    /** The next offer gathers new candidates and looks for a new path (RFC 8445, section 9). */
    restart(): void;
    /**
     * Makes an offer of all that is open now. Its candidates are kept until
     * trickle() says that the offer is out.
     *
     * @returns {Promise<string>} SDP
     */
    offer(): Promise<string>;
    /** The offer has gone out: its candidates may follow. */
    trickle(): void;
    /**
     * @param {string} sdp  the SFU's answer to the last offer
     */
    answer(sdp: string): Promise<void>;
    /** Takes back the last offer, which was refused. */
    rollback(): Promise<void>;
    /**
     * Takes a candidate of the SFU's, at any time.
     *
     * @param {Candidate} candidate
     */
    addCandidate({ candidate, sdpMid, sdpMLineIndex, usernameFragment }: Candidate): void;
    stats(): Promise<RTCStatsReport>;
    close(): void;
    #private;
}
export type MediaKind = "audio" | "video";
export type MediaCalls = {
    /**
     * one to send to the SFU; an empty one is the last
     */
    candidate: (candidate: Candidate) => void;
    /**
     * the browser refused one of the SFU's
     */
    badCandidate: (error: Error) => void;
    /**
     * `state` has changed
     */
    state: () => void;
    /**
     * nothing is heard from the SFU; that may pass
     */
    interrupted: () => void;
    /**
     * ICE found no path; a restart may
     */
    failed: () => void;
    /**
     * DTLS was closed or has failed: nothing repairs that
     */
    dead: () => void;
};
import type { Sending } from './sending-section.js';
import type { Encoding } from './messages.js';
import type { Demand } from './layers.js';
import type { Progress } from './progress.js';
import type { Candidate } from './messages.js';
