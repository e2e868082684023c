/**
 * Picks what a video section offers: one profile of each codec that the SFU
 * forwards, and retransmission (RFC 4588).
 *
 * @template {Codec} C
 * @param {C[]} capabilities  of RTCRtpReceiver or RTCRtpSender.getCapabilities
 * @param {VideoCodec} [first]  the codec to prefer
 * @returns {C[]} in order of preference; empty when there is no choice to make
 */
export function videoCodecs<C extends Codec>(capabilities: C[], first?: VideoCodec): C[];
/**
 * Picks what an audio section offers: Opus (RFC 7587), which carries its own
 * forward error correction, and after it Opus with redundancy (RFC 2198).
 *
 * @template {Codec} C
 * @param {C[]} capabilities
 * @returns {C[]}
 */
export function audioCodecs<C extends Codec>(capabilities: C[]): C[];
/**
 * Has a section that has not been offered yet list what is worth offering.
 *
 * @param {RTCRtpTransceiver} transceiver
 * @param {MediaKind} kind
 * @param {RTCRtpCapabilities | null} capabilities
 * @param {VideoCodec} [first]
 */
export function preferCodecs(transceiver: RTCRtpTransceiver, kind: MediaKind, capabilities: RTCRtpCapabilities | null, first?: VideoCodec): void;
export type VideoCodec = "VP8" | "VP9" | "H264" | "AV1";
export type Codec = Pick<RTCRtpCodec, "mimeType" | "sdpFmtpLine">;
import type { MediaKind } from './media.js';
