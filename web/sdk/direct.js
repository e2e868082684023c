import { Crossing } from './crossing.js';
import { DirectLeg } from './direct-leg.js';
import { iceServersBetweenPeers } from './ice.js';

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
  #link;
  #media;
  #publications;
  #reception;
  #roster;
  #options;
  /** Of the present epoch. @type {Crossing | null} */
  #current = null;
  /** Those not closed yet, the present one and what is being left. @type {Set<Crossing>} */
  #crossings = new Set();
  #closed = false;

  /**
   * @param {Link} link
   * @param {Media} media
   * @param {Publications} publications
   * @param {Reception} reception
   * @param {Roster} roster
   * @param {DirectOptions} options
   */
  constructor(link, media, publications, reception, roster, options) {
    this.#link = link;
    this.#media = media;
    this.#publications = publications;
    this.#reception = reception;
    this.#roster = roster;
    this.#options = options;
    reception.prefer((trackId) => this.#track(trackId));
    publications.watch(() => this.#current?.leg.carry(publications.sent()));
  }

  /**
   * Takes the server's word on how media flows.
   *
   * @param {wire.Topology} [topology]
   */
  follow(topology) {
    if (!topology || this.#closed) return;
    if (topology.mode !== 'P2P') {
      this.#leave();
      return;
    }
    if (this.#current?.epoch !== (topology.epoch ?? '0')) {
      this.#leave();
      this.#start(topology);
    }
    if (topology.moved && this.#current?.holds) this.#feed(false);
  }

  /**
   * Takes what another peer signals.
   *
   * @param {PeerSignal} signal
   * @returns {boolean} whether it is about a leg, rather than the application's own
   */
  take({ from, description, candidate }) {
    const epoch = (description ?? candidate)?.epoch ?? '0';
    if (epoch === '0') return false;
    const current = this.#current;
    if (current && epoch === current.epoch && from === current.peer) current.leg.take({ description, candidate });
    return true;
  }

  /** @returns {Promise<RTCStatsReport> | null} of the present leg; null without one */
  stats() {
    return this.#current?.leg.stats() ?? null;
  }

  close() {
    this.#closed = true;
    this.#current = null;
    for (const crossing of this.#crossings) crossing.close();
  }

  /** @param {string} trackId */
  #track(trackId) {
    for (const crossing of [...this.#crossings].reverse()) {
      const track = crossing.track(trackId);
      if (track) return track;
    }
    return null;
  }

  /** @param {wire.Topology} topology */
  #start({ epoch = '0', peer = '', polite = false, relayOnly = false }) {
    const tell = (/** @type {wire.DirectState} */ state) => this.#say({ direct: { epoch, state } });
    let leg;
    try {
      leg = new DirectLeg(this.#configuration(relayOnly), polite, {
        say: ({ description, candidate }) => this.#say(description
          ? { description: { ...description, to: peer, epoch } }
          : { candidate: { ...candidate, to: peer, epoch } }),
        state: () => crossing.hurry(),
        failed: () => crossing.fail(),
      });
    } catch {
      // The browser has no connection left to give.
      tell('FAILED');
      return;
    }
    const crossing = new Crossing({ epoch, peer, leg }, this.#reception, this.#roster, {
      received: () => tell('RECEIVED'),
      failed: () => {
        // The server will say so, too; until then each moment counts.
        this.#feed(true);
        tell('FAILED');
      },
      changed: (trackId) => {
        if (!this.#closed) this.#reception.refresh(trackId);
      },
      closed: () => this.#crossings.delete(crossing),
    });
    this.#crossings.add(crossing);
    this.#current = crossing;
    leg.carry(this.#publications.sent());
  }

  #leave() {
    this.#feed(true);
    this.#current?.leave();
    this.#current = null;
  }

  /** @param {boolean} on */
  #feed(on) {
    // It fails for a section that is just being closed, which then needs none.
    if (!this.#closed) this.#media.feed(on).catch(() => {});
  }

  /**
   * @param {boolean} relayOnly
   * @returns {RTCConfiguration}
   */
  #configuration(relayOnly) {
    const { iceServers, iceTransportPolicy } = this.#options;
    // Between peers all of them are of use; toward the SFU they are not (see ice.js).
    return {
      iceServers: iceServers ?? iceServersBetweenPeers(this.#link.welcome.iceServers),
      iceTransportPolicy: relayOnly ? 'relay' : iceTransportPolicy,
    };
  }

  /** @param {Parameters<Link['request']>[0]} body */
  #say(body) {
    // A refusal is about a leg that is over, or shows in that nothing comes.
    if (!this.#closed) this.#link.request(body).catch(() => {});
  }
}
