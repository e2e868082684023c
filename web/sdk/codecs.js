/**
 * Which codecs a media section offers. Browsers list dozens of profiles, each in
 * every section; what nobody forwards only makes the offer large.
 */

/** @import { MediaKind } from './media.js' */

/**
 * @typedef {'VP8' | 'VP9' | 'H264' | 'AV1'} VideoCodec
 * @typedef {Pick<RTCRtpCodec, 'mimeType' | 'sdpFmtpLine'>} Codec
 */

/** @type {VideoCodec[]} */
const VIDEO = ['VP8', 'VP9', 'H264', 'AV1'];

/**
 * Picks what a video section offers: one profile of each codec that the SFU
 * forwards, and retransmission (RFC 4588).
 *
 * @template {Codec} C
 * @param {C[]} capabilities  of RTCRtpReceiver or RTCRtpSender.getCapabilities
 * @param {VideoCodec} [first]  the codec to prefer
 * @returns {C[]} in order of preference; empty when there is no choice to make
 */
export function videoCodecs(capabilities, first = 'VP8') {
  const order = [first, ...VIDEO.filter((name) => name !== first)];
  const media = order.flatMap((name) => {
    const found = capabilities.find((codec) => is(codec, `video/${name}`) && isCommonProfile(name, codec));
    return found ? [found] : [];
  });
  if (media.length === 0) return [];
  return [...media, ...capabilities.filter((codec) => is(codec, 'video/rtx'))];
}

/**
 * Picks what an audio section offers: Opus (RFC 7587), which carries its own
 * forward error correction, and after it Opus with redundancy (RFC 2198).
 *
 * @template {Codec} C
 * @param {C[]} capabilities
 * @returns {C[]}
 */
export function audioCodecs(capabilities) {
  // Redundant Opus second: it is taken when the server sends it, and not sent.
  return ['audio/opus', 'audio/red'].flatMap((type) => capabilities.filter((codec) => is(codec, type)));
}

/**
 * Has a section that has not been offered yet list what is worth offering.
 *
 * @param {RTCRtpTransceiver} transceiver
 * @param {MediaKind} kind
 * @param {RTCRtpCapabilities | null} capabilities
 * @param {VideoCodec} [first]
 */
export function preferCodecs(transceiver, kind, capabilities, first) {
  const all = capabilities?.codecs ?? [];
  const codecs = kind === 'audio' ? audioCodecs(all) : videoCodecs(all, first);
  // An older browser without this offers all it has, which works too.
  if (codecs.length > 0 && 'setCodecPreferences' in transceiver) transceiver.setCodecPreferences(codecs);
}

/**
 * Whether this is the profile of a codec that every browser can decode.
 *
 * @param {VideoCodec} name
 * @param {Codec} codec
 */
function isCommonProfile(name, codec) {
  const parameters = parse(codec.sdpFmtpLine);
  switch (name) {
    case 'H264':
      // Constrained Baseline (RFC 6184, section 8.1: profile_idc 66 with
      // constraint_set1), in packets that may be split.
      return parameters.get('packetization-mode') === '1' && isConstrainedBaseline(parameters.get('profile-level-id'));
    case 'VP9':
      return (parameters.get('profile-id') ?? '0') === '0';
    case 'AV1':
      return (parameters.get('profile') ?? '0') === '0';
    default:
      return true;
  }
}

/** @param {string} [profileLevelId]  three bytes in hexadecimal */
function isConstrainedBaseline(profileLevelId = '') {
  const value = parseInt(profileLevelId, 16);
  return value >> 16 === 0x42 && (value & 0x4000) !== 0;
}

/**
 * @param {string} [line]  `key=value;key=value`
 * @returns {Map<string, string>}
 */
function parse(line = '') {
  return new Map(line.split(';').map((pair) => {
    const [key = '', value = ''] = pair.split('=');
    return [key.trim().toLowerCase(), value.trim().toLowerCase()];
  }));
}

/**
 * @param {Codec} codec
 * @param {string} mimeType
 */
function is(codec, mimeType) {
  return codec.mimeType.toLowerCase() === mimeType.toLowerCase();
}
