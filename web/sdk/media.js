import { preferCodecs } from './codecs.js';
import { progressOf } from './progress.js';
import { SendingSection } from './sending-section.js';

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
  #pc;
  #calls;
  #stop = new AbortController();
  /** Sections that carry, or carried, a track of ours. @type {SendingSection[]} */
  #sending = [];
  /** Whether what is sent leaves for the SFU. */
  #fed = true;
  /** The change of encodings that is under way. @type {Promise<unknown>} */
  #encoding = Promise.resolve();
  /** Open ones have the direction `recvonly`. @type {Record<MediaKind, RTCRtpTransceiver[]>} */
  #slots = { audio: [], video: [] };
  /** Own candidates that wait until their offer is out; null: send at once. @type {Candidate[] | null} */
  #outgoing = [];
  /** The SFU's candidates that wait for its answer. @type {RTCIceCandidateInit[]} */
  #incoming = [];
  /** The one that is watched. @type {RTCDtlsTransport | null} */
  #dtls = null;

  /**
   * @param {RTCConfiguration} configuration
   * @param {MediaCalls} calls
   */
  constructor(configuration, calls) {
    this.#calls = calls;
    this.#pc = new RTCPeerConnection({ bundlePolicy: 'max-bundle', ...configuration });
    const { signal } = this.#stop;
    this.#pc.addEventListener('icecandidate', ({ candidate }) => this.#gathered(candidate), { signal });
    this.#pc.addEventListener('connectionstatechange', () => calls.state(), { signal });
    this.#pc.addEventListener('iceconnectionstatechange', () => {
      if (this.#pc.iceConnectionState === 'disconnected') calls.interrupted();
      if (this.#pc.iceConnectionState === 'failed') calls.failed();
    }, { signal });
  }

  /** @returns {RTCPeerConnectionState} */
  get state() {
    return this.#pc.connectionState;
  }

  /** Whether nothing is heard from the SFU. */
  get interrupted() {
    return this.#pc.iceConnectionState === 'disconnected' || this.#pc.iceConnectionState === 'failed';
  }

  /** The most bytes that one DataChannel message may have; known after the first answer. */
  get maxMessageSize() {
    return this.#pc.sctp?.maxMessageSize ?? Infinity;
  }

  /**
   * @param {string} label
   * @param {RTCDataChannelInit} options
   */
  openChannel(label, options) {
    return this.#pc.createDataChannel(label, options);
  }

  /**
   * Gives a track a sending section for the next offer.
   *
   * @param {Sending} sending
   * @returns {Promise<RTCRtpTransceiver>}
   */
  async send(sending) {
    const free = this.#sending.find((section) => section.suits(sending));
    if (free) {
      await free.reuse(sending);
      await this.#encode([free]);
      return free.transceiver;
    }
    const section = SendingSection.open(this.#pc, sending, this.#fed);
    this.#sending.push(section);
    return section.transceiver;
  }

  /**
   * @param {RTCRtpTransceiver} transceiver
   * @returns {Encoding[] | undefined} what a section sends at once, the smallest first; undefined of audio
   */
  encodings(transceiver) {
    return this.#section(transceiver)?.encodings;
  }

  /**
   * Sends of a section no more than is needed, from now on and without an offer.
   *
   * @param {RTCRtpTransceiver} transceiver
   * @param {Demand} demand
   * @returns {Promise<void>} resolves when the browser does so
   */
  async demand(transceiver, demand) {
    const section = this.#section(transceiver);
    if (!section) return;
    section.want(demand);
    await this.#encode([section]);
  }

  /**
   * Has a section encode what its source, which is another one, has to give.
   *
   * @param {RTCRtpTransceiver} transceiver
   * @param {MediaStreamTrack} track
   * @returns {Promise<boolean>} whether encodings() is different now
   */
  async fit(transceiver, track) {
    const section = this.#section(transceiver);
    if (!section?.fit(track)) return false;
    await this.#encode([section]);
    return true;
  }

  /**
   * Holds back what is sent, or lets it go again, from now on and without an
   * offer: while two peers have a direct connection, the SFU needs nothing. A
   * video that goes again begins with a keyframe.
   *
   * @param {boolean} on
   * @returns {Promise<void>} resolves when the browser does so
   */
  async feed(on) {
    if (on === this.#fed || this.#stop.signal.aborted) return;
    this.#fed = on;
    await this.#encode(this.#sending);
  }

  /**
   * Ends the sending of a section as of the next offer; nothing leaves it from now on.
   *
   * @param {RTCRtpTransceiver} transceiver
   */
  async release(transceiver) {
    if (this.#stop.signal.aborted) return;
    await transceiver.sender.replaceTrack(null);
    transceiver.direction = 'inactive';
  }

  /**
   * Opens slots for the next offer.
   *
   * @param {MediaKind} kind
   * @param {number} count
   * @returns {RTCRtpTransceiver[]} those that were opened
   */
  openSlots(kind, count) {
    const slots = this.#slots[kind].filter(({ direction }) => direction === 'inactive').slice(0, count);
    for (const slot of slots) slot.direction = 'recvonly';
    while (slots.length < count) {
      const slot = this.#pc.addTransceiver(kind, { direction: 'recvonly' });
      preferCodecs(slot, kind, RTCRtpReceiver.getCapabilities(kind));
      this.#slots[kind].push(slot);
      slots.push(slot);
    }
    return slots;
  }

  /**
   * Closes slots as of the next offer.
   *
   * @param {RTCRtpTransceiver[]} slots
   */
  closeSlots(slots) {
    if (this.#stop.signal.aborted) return;
    for (const slot of slots) slot.direction = 'inactive';
  }

  /** @param {MediaKind} kind */
  slotCount(kind) {
    return this.#slots[kind].filter(({ direction }) => direction === 'recvonly').length;
  }

  /**
   * @param {string} mid
   * @returns {MediaStreamTrack | null} what the slot receives
   */
  slotTrack(mid) {
    const slots = [...this.#slots.audio, ...this.#slots.video];
    return slots.find((slot) => slot.mid === mid)?.receiver.track ?? null;
  }

  /**
   * @param {string} mid
   * @returns {Promise<Progress | null>} what the slot has received so far
   */
  async slotProgress(mid) {
    const slots = [...this.#slots.audio, ...this.#slots.video];
    const slot = slots.find((slot) => slot.mid === mid);
    return slot ? progressOf(slot.receiver) : null;
  }

  /** The next offer gathers new candidates and looks for a new path (RFC 8445, section 9). */
  restart() {
    this.#pc.restartIce();
  }

  /**
   * Makes an offer of all that is open now. Its candidates are kept until
   * trickle() says that the offer is out.
   *
   * @returns {Promise<string>} SDP
   */
  async offer() {
    this.#outgoing ??= [];
    await this.#pc.setLocalDescription();
    return this.#pc.localDescription?.sdp ?? '';
  }

  /** The offer has gone out: its candidates may follow. */
  trickle() {
    const candidates = this.#outgoing ?? [];
    this.#outgoing = null;
    for (const candidate of candidates) this.#calls.candidate(candidate);
  }

  /**
   * @param {string} sdp  the SFU's answer to the last offer
   */
  async answer(sdp) {
    await this.#pc.setRemoteDescription({ type: 'answer', sdp });
    this.#watchDTLS();
    const candidates = this.#incoming;
    this.#incoming = [];
    for (const candidate of candidates) this.#add(candidate);
  }

  /** Takes back the last offer, which was refused. */
  async rollback() {
    if (this.#pc.signalingState === 'have-local-offer') {
      await this.#pc.setLocalDescription({ type: 'rollback' });
    }
  }

  /**
   * Takes a candidate of the SFU's, at any time.
   *
   * @param {Candidate} candidate
   */
  addCandidate({ candidate = '', sdpMid, sdpMLineIndex = 0, usernameFragment }) {
    const init = { candidate, sdpMid: sdpMid || null, sdpMLineIndex, usernameFragment: usernameFragment || null };
    // While an offer is out, it may belong to the answer that is on its way.
    if (this.#pc.signalingState !== 'stable' || !this.#pc.remoteDescription) this.#incoming.push(init);
    else this.#add(init);
  }

  stats() {
    return this.#pc.getStats();
  }

  close() {
    this.#stop.abort();
    this.#pc.close();
  }

  /** @param {RTCRtpTransceiver} transceiver */
  #section(transceiver) {
    return this.#sending.find((section) => section.transceiver === transceiver);
  }

  /**
   * Has sections encode as they should now, in line with what was asked before.
   *
   * @param {SendingSection[]} sections
   */
  #encode(sections) {
    const turn = this.#encoding.then(async () => {
      await Promise.all(sections.map((section) => section.encode(this.#fed)));
    });
    this.#encoding = turn.catch(() => {});
    return turn;
  }

  /** Its transport exists from the first answer on. */
  #watchDTLS() {
    const transport = this.#pc.sctp?.transport;
    if (!transport || this.#dtls === transport) return;
    this.#dtls = transport;
    transport.addEventListener('statechange', () => {
      if (transport.state === 'failed' || transport.state === 'closed') this.#calls.dead();
    }, { signal: this.#stop.signal });
  }

  /** @param {RTCIceCandidateInit} candidate */
  #add(candidate) {
    this.#pc.addIceCandidate(candidate).catch((error) => {
      if (!this.#stop.signal.aborted) this.#calls.badCandidate(error);
    });
  }

  /** @param {RTCIceCandidate | null} gathered  null when there are no more */
  #gathered(gathered) {
    // Some browsers tell the end twice, first by an empty candidate.
    if (gathered?.candidate === '') return;
    const { candidate = '', sdpMid, sdpMLineIndex, usernameFragment } = gathered ?? {};
    const init = {
      candidate,
      sdpMid: sdpMid ?? '',
      sdpMLineIndex: sdpMLineIndex ?? 0,
      usernameFragment: usernameFragment ?? '',
    };
    if (this.#outgoing) this.#outgoing.push(init);
    else this.#calls.candidate(init);
  }
}
