import { Steady } from './progress.js';
import { backToSlots, isDead, isReceived } from './switching.js';

/** @import { DirectLeg } from './direct-leg.js' */
/** @import { Progress } from './progress.js' */
/** @import { Reception } from './reception.js' */
/** @import { Roster, Track } from './roster.js' */
/** @import { Look } from './switching.js' */

/**
 * @typedef {object} CrossingCalls
 * @property {() => void} received  all that the other peer publishes is received over the leg, and shown from there
 * @property {() => void} failed  it cannot be made, or broke
 * @property {(trackId: string) => void} changed  what is shown of a track may be another
 * @property {() => void} closed
 */

/** How often a leg is looked at: while something is about to change, and else. */
const LOOK_MS = 100;
const REST_MS = 500;
/** The leg is closed so long after it was left: the other peer may show it a little longer. */
const LINGER_MS = 3500;
/** A leg that is being left is not heard of for so long: it is no use to anybody. */
const ALIVE_MS = 500;

/**
 * Crossing is the life of one leg: media comes over to it when all of it is
 * received there, and goes back to the slots when it is received there again.
 */
export class Crossing {
  epoch;
  peer;
  leg;
  #reception;
  #roster;
  #calls;
  /** @type {'making' | 'shown' | 'leaving' | 'closed'} */
  #phase = 'making';
  #failed = false;
  /** What is shown from the leg, by track id. @type {Map<string, MediaStreamTrack>} */
  #shown = new Map();
  /** @type {Map<string, Watch>} */
  #watches = new Map();
  /** @type {Steady<RTCPeerConnectionState>} */
  #state;
  #packets;
  #leftAt = 0;
  #looking = false;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;

  /**
   * @param {{epoch: string, peer: string, leg: DirectLeg}} of
   * @param {Reception} reception
   * @param {Roster} roster
   * @param {CrossingCalls} calls
   */
  constructor({ epoch, peer, leg }, reception, roster, calls) {
    this.epoch = epoch;
    this.peer = peer;
    this.leg = leg;
    this.#reception = reception;
    this.#roster = roster;
    this.#calls = calls;
    const now = performance.now();
    this.#state = new Steady(now, leg.state);
    this.#packets = new Steady(now, 0);
    this.#next();
  }

  /** Whether media is shown from the leg, and nothing is wrong with it. */
  get holds() {
    return this.#phase === 'shown' && !this.#failed;
  }

  /**
   * @param {string} trackId
   * @returns {MediaStreamTrack | null} what is to be shown from the leg
   */
  track(trackId) {
    return this.#shown.get(trackId) ?? null;
  }

  /** The state of the leg's connection has changed: no time to rest. */
  hurry() {
    if (this.#looking || this.#phase === 'closed') return;
    clearTimeout(this.#timer);
    void this.#look();
  }

  /** The leg cannot be used any more, or never could. */
  fail() {
    if (this.#failed || this.#phase === 'leaving' || this.#phase === 'closed') return;
    this.#failed = true;
    this.#calls.failed();
  }

  /** Media goes back to the slots. */
  leave() {
    if (this.#phase === 'leaving' || this.#phase === 'closed') return;
    this.#phase = 'leaving';
    this.#leftAt = performance.now();
    for (const watch of this.#watches.values()) watch.leave();
    this.hurry();
  }

  close() {
    if (this.#phase === 'closed') return;
    this.#phase = 'closed';
    clearTimeout(this.#timer);
    const shown = [...this.#shown.keys()];
    this.#shown.clear();
    for (const id of shown) this.#calls.changed(id);
    this.leg.close();
    this.#calls.closed();
  }

  #next() {
    clearTimeout(this.#timer);
    if (this.#phase === 'closed') return;
    const rests = this.#phase === 'shown' && this.#tracks().every(({ id }) => this.#shown.has(id));
    this.#timer = setTimeout(() => void this.#look(), rests ? REST_MS : LOOK_MS);
  }

  /** @returns {Track[]} */
  #tracks() {
    return [...(this.#roster.peers.get(this.peer)?.tracks.values() ?? [])];
  }

  async #look() {
    this.#looking = true;
    await this.#lookAround();
    this.#looking = false;
    this.#next();
  }

  async #lookAround() {
    if (!this.#roster.peers.has(this.peer)) {
      // It has gone, and its tracks with it.
      this.close();
      return;
    }
    const looks = await this.#lookAtTracks();
    if (this.#phase === 'closed') return;
    const now = performance.now();
    const stateMs = this.#state.look(now, this.leg.state);
    const quietMs = this.#lookAtPackets(now);
    if (this.#phase === 'leaving') this.#goBack(now, looks, quietMs < ALIVE_MS && this.leg.state === 'connected');
    else this.#comeOver(looks, stateMs, quietMs);
  }

  /**
   * @param {Look[]} looks
   * @param {number} stateMs
   * @param {number} quietMs
   */
  #comeOver(looks, stateMs, quietMs) {
    const { state } = this.leg;
    if (isDead({ state, stateMs, expected: this.#expected().length > 0, quietMs })) this.fail();
    if (this.#failed || state !== 'connected') return;
    const received = looks.filter((look) => isReceived(look, stateMs));
    // The first time all at once: lips and voice are one.
    if (this.#phase === 'making' && received.length < looks.length) return;
    for (const { id } of received) {
      const track = this.leg.track(id);
      if (track) this.#shown.set(id, track);
    }
    for (const id of this.#shown.keys()) {
      if (!this.#roster.track(id)) this.#shown.delete(id);
      this.#calls.changed(id);
    }
    if (this.#phase === 'shown') return;
    this.#phase = 'shown';
    this.#calls.received();
  }

  /**
   * @param {number} now
   * @param {Look[]} looks
   * @param {boolean} alive
   */
  #goBack(now, looks, alive) {
    const leavingMs = now - this.#leftAt;
    const shown = looks.filter(({ id }) => this.#shown.has(id));
    for (const id of backToSlots(shown, { leavingMs, alive })) {
      this.#shown.delete(id);
      this.#calls.changed(id);
    }
    if (leavingMs >= LINGER_MS) this.close();
  }

  /** @returns {Promise<Look[]>} */
  async #lookAtTracks() {
    const tracks = this.#tracks();
    for (const id of this.#watches.keys()) {
      if (!tracks.some((track) => track.id === id)) this.#watches.delete(id);
    }
    return Promise.all(tracks.map(async ({ id, kind, muted }) => {
      // A browser may refuse to tell of a connection that is closed.
      const [direct, slot] = await Promise.all([
        this.leg.progress(id).catch(() => null),
        this.#reception.slotProgress(id).catch(() => null),
      ]);
      const watch = this.#watches.get(id) ?? new Watch(kind, performance.now());
      this.#watches.set(id, watch);
      return { id, kind, muted, ...watch.look(performance.now(), direct, slot) };
    }));
  }

  /** What has come over the leg and is to go on coming. */
  #expected() {
    return this.#tracks().filter(({ id, muted }) => !muted && (this.#watches.get(id)?.packets ?? 0) > 0);
  }

  /**
   * @param {number} now
   * @returns {number} for how long nothing has come over the leg, in ms
   */
  #lookAtPackets(now) {
    const expected = this.#expected();
    // What is not expected to come is not missed either.
    if (expected.length === 0) this.#packets = new Steady(now, 0);
    return this.#packets.look(now, expected.reduce((sum, { id }) => sum + (this.#watches.get(id)?.packets ?? 0), 0));
  }
}

/** Watch is what was seen of one track over both ways. */
class Watch {
  /** Over the leg. */
  packets = 0;
  #kind;
  /** What the section had received before it was this track's. @type {number | null} */
  #before = null;
  #slot;
  #mid = '';
  #slotCount = 0;
  #slotFlows = false;
  #leaving = false;

  /**
   * @param {'audio' | 'video'} kind
   * @param {number} now
   */
  constructor(kind, now) {
    this.#kind = kind;
    this.#slot = new Steady(now, 0);
  }

  /** From now on it counts whether anything comes over the SFU. */
  leave() {
    this.#leaving = true;
    this.#mid = '';
  }

  /**
   * @param {number} now  ms
   * @param {Progress | null} direct
   * @param {Progress & {mid: string} | null} slot
   * @returns {Pick<Look, 'direct' | 'slotQuietMs' | 'slotFlows'>}
   */
  look(now, direct, slot) {
    this.packets = direct?.packets ?? 0;
    const slotCount = this.#count(slot) ?? 0;
    // Only since the last look at this slot; another one has counted something else.
    if (this.#leaving && slot && slot.mid === this.#mid && slotCount > this.#slotCount) this.#slotFlows = true;
    this.#slotCount = slotCount;
    this.#mid = slot?.mid ?? '';
    const directCount = this.#count(direct);
    if (directCount !== null) this.#before ??= directCount;
    return {
      direct: directCount === null ? null : directCount - (this.#before ?? 0),
      slotQuietMs: this.#slot.look(now, slotCount),
      slotFlows: this.#slotFlows,
    };
  }

  /** @param {Progress | null} progress */
  #count(progress) {
    return progress && (this.#kind === 'video' ? progress.frames : progress.packets);
  }
}
