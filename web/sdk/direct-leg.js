import { preferCodecs } from './codecs.js';
import { readLabels, withLabels } from './labels.js';
import { maxBitrate } from './layers.js';
import { progressOf } from './progress.js';

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
  #pc;
  #polite;
  #calls;
  #stop = new AbortController();
  /** What is sent, by track id. @type {Map<string, {transceiver: RTCRtpTransceiver, codec?: VideoCodec, track: MediaStreamTrack | null}>} */
  #sections = new Map();
  /** Sections that send nothing now. @type {{transceiver: RTCRtpTransceiver, codec?: VideoCodec}[]} */
  #free = [];
  /** What goes together shares a stream, so that sound and picture are in step. @type {Map<string, MediaStream>} */
  #streams = new Map();
  /** Which section the other peer sends a track in: track id → mid. @type {Map<string, string>} */
  #labels = new Map();
  #makingOffer = false;
  /** Own candidates that wait until their description is out; null: send at once. @type {RTCIceCandidate[] | null} */
  #outgoing = [];
  /** What the other peer said is taken one after another. @type {Promise<void>} */
  #taking = Promise.resolve();
  /** Changes of what is sent, likewise. @type {Promise<void>} */
  #changing = Promise.resolve();

  /**
   * @param {RTCConfiguration} configuration
   * @param {boolean} polite
   * @param {DirectLegCalls} calls
   */
  constructor(configuration, polite, calls) {
    this.#pc = new RTCPeerConnection({ bundlePolicy: 'max-bundle', ...configuration });
    this.#polite = polite;
    this.#calls = calls;
    // Nobody says anything over it: with a channel there is something to offer,
    // and the leg connects, though neither publishes anything yet.
    this.#pc.createDataChannel('', { negotiated: true, id: 0 });
    const { signal } = this.#stop;
    this.#pc.addEventListener('negotiationneeded', () => void this.#offer(), { signal });
    this.#pc.addEventListener('icecandidate', ({ candidate }) => {
      // Without `candidate` it is the end, which nobody waits for.
      if (!candidate?.candidate) return;
      if (this.#outgoing) this.#outgoing.push(candidate);
      else this.#trickle(candidate);
    }, { signal });
    this.#pc.addEventListener('connectionstatechange', () => calls.state(), { signal });
  }

  /** @returns {RTCPeerConnectionState} */
  get state() {
    return this.#pc.connectionState;
  }

  /**
   * Sends these and no others.
   *
   * @param {Sent[]} sent
   */
  carry(sent) {
    this.#changing = this.#changing.then(() => this.#carry(sent)).catch((error) => this.#fail(error));
  }

  /**
   * @param {string} trackId
   * @returns {MediaStreamTrack | null} what the other peer sends as this track
   */
  track(trackId) {
    return this.#receiver(trackId)?.track ?? null;
  }

  /**
   * @param {string} trackId
   * @returns {Promise<Progress | null>} null when the other peer sends no such track
   */
  async progress(trackId) {
    const receiver = this.#receiver(trackId);
    return receiver ? progressOf(receiver) : null;
  }

  /**
   * Takes what the other peer said.
   *
   * @param {{description?: wire.Description, candidate?: wire.Candidate}} signal
   */
  take({ description, candidate }) {
    this.#taking = this.#taking.then(async () => {
      if (description) await this.#describe(description);
      else if (candidate) await this.#addCandidate(candidate);
    }).catch((error) => this.#fail(error));
  }

  stats() {
    return this.#pc.getStats();
  }

  close() {
    this.#stop.abort();
    this.#pc.close();
  }

  /** @param {string} trackId */
  #receiver(trackId) {
    const mid = this.#labels.get(trackId);
    return mid === undefined ? undefined : this.#pc.getTransceivers().find((transceiver) => transceiver.mid === mid)?.receiver;
  }

  async #offer() {
    if (this.#polite && !this.#pc.remoteDescription) return;
    try {
      this.#makingOffer = true;
      await this.#describeSelf();
    } catch (error) {
      this.#fail(error);
    } finally {
      this.#makingOffer = false;
    }
  }

  /** Makes the offer or answer that is due, and says it. */
  async #describeSelf() {
    this.#outgoing ??= [];
    await this.#pc.setLocalDescription();
    const description = this.#pc.localDescription;
    if (description) {
      const tracks = new Map([...this.#sections].map(([id, { transceiver }]) => [transceiver.mid ?? '', id]));
      this.#calls.say({
        description: {
          type: description.type === 'offer' ? 'OFFER' : 'ANSWER',
          sdp: withLabels(description.sdp, tracks),
        },
      });
    }
    const candidates = this.#outgoing ?? [];
    this.#outgoing = null;
    for (const candidate of candidates) this.#trickle(candidate);
  }

  /** @param {wire.Description} description */
  async #describe({ type, sdp = '' }) {
    const offered = type === 'OFFER';
    // Two offers have met: the polite one takes its own back, in what follows.
    if (offered && !this.#polite && (this.#makingOffer || this.#pc.signalingState !== 'stable')) return;
    await this.#pc.setRemoteDescription({ type: offered ? 'offer' : 'answer', sdp });
    this.#labels = readLabels(sdp);
    if (offered) await this.#describeSelf();
  }

  /** @param {wire.Candidate} candidate */
  async #addCandidate({ candidate = '', sdpMid, sdpMLineIndex = 0, usernameFragment }) {
    try {
      await this.#pc.addIceCandidate({
        candidate, sdpMid: sdpMid || null, sdpMLineIndex, usernameFragment: usernameFragment || null,
      });
    } catch {
      // Of an offer that was passed over, or an address that this browser does
      // not know what to do with: others may work, and if none does, the state
      // of the connection says so.
    }
  }

  /** @param {RTCIceCandidate} candidate */
  #trickle({ candidate, sdpMid, sdpMLineIndex, usernameFragment }) {
    this.#calls.say({
      candidate: {
        candidate, sdpMid: sdpMid ?? '', sdpMLineIndex: sdpMLineIndex ?? 0, usernameFragment: usernameFragment ?? '',
      },
    });
  }

  /** @param {Sent[]} sent */
  async #carry(sent) {
    if (this.#stop.signal.aborted) return;
    for (const [id, { transceiver, codec }] of this.#sections) {
      if (sent.some((other) => other.id === id)) continue;
      this.#sections.delete(id);
      this.#free.push({ transceiver, codec });
      transceiver.direction = 'inactive';
      await transceiver.sender.replaceTrack(null);
    }
    for (const { id, kind, source, codec, track } of sent) {
      const section = this.#sections.get(id);
      if (!section) {
        await this.#add({ id, kind, source, codec, track });
      } else if (section.track !== track) {
        section.track = track;
        await section.transceiver.sender.replaceTrack(track);
      }
    }
  }

  /** @param {Sent} sent */
  async #add({ id, kind, source, codec, track }) {
    const bps = maxBitrate(kind, source);
    // Only one whose end the other peer knows: otherwise nothing would tell it
    // that the section carries another track now.
    const i = this.#free.findIndex(({ transceiver, codec: first }) =>
      transceiver.currentDirection === 'inactive' && transceiver.receiver.track.kind === kind && first === codec);
    const stream = this.#stream(source);
    if (i < 0) {
      const transceiver = this.#pc.addTransceiver(track ?? kind, {
        direction: 'sendonly',
        streams: [stream],
        sendEncodings: [{ maxBitrate: bps }],
      });
      preferCodecs(transceiver, kind, RTCRtpSender.getCapabilities(kind), codec);
      this.#sections.set(id, { transceiver, codec, track });
      return;
    }
    const [{ transceiver }] = this.#free.splice(i, 1);
    this.#sections.set(id, { transceiver, codec, track });
    transceiver.sender.setStreams(stream);
    transceiver.direction = 'sendonly';
    const parameters = transceiver.sender.getParameters();
    for (const encoding of parameters.encodings) encoding.maxBitrate = bps;
    await transceiver.sender.setParameters(parameters);
    await transceiver.sender.replaceTrack(track);
  }

  /** @param {string} source */
  #stream(source) {
    const name = source.startsWith('screen') ? 'screen' : 'camera';
    const stream = this.#streams.get(name) ?? new MediaStream();
    this.#streams.set(name, stream);
    return stream;
  }

  /** @param {unknown} error */
  #fail(error) {
    if (!this.#stop.signal.aborted) this.#calls.failed(error);
  }
}
