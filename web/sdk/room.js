import { Data } from './data.js';
import { Direct } from './direct.js';
import { asHirobaError, HirobaError, serverError } from './errors.js';
import { Events } from './events.js';
import { Hall } from './hall.js';
import { iceServersFor } from './ice.js';
import { Link } from './link.js';
import { Media } from './media.js';
import { Moderation } from './moderation.js';
import { Negotiation } from './negotiation.js';
import { Publications } from './publications.js';
import { Reception } from './reception.js';
import { assess, GOOD } from './quality.js';
import { describe, described, Roster } from './roster.js';
import { Talk } from './talk.js';

/** @import * as wire from './messages.js' */
/** @import { Publication, PublishOptions } from './publication.js' */
/** @import { TransportName } from './carrier.js' */
/** @import { TokenSource } from './credentials.js' */
/** @import { SendOptions } from './data.js' */
/** @import { PeerSignal, RoomEvents, RoomMessage, RoomState } from './room-events.js' */
/** @import { Peer, RosterChange } from './roster.js' */
/** @import { AnswerHandler, EmitOptions } from './talk.js' */
/** @import { Shown } from './view.js' */

/**
 * @typedef {object} ConnectOptions
 * @property {string} [url]  the server; this page's own unless told
 * @property {string} room  1 to 64 letters, digits, `-`, `_` or `.`
 * @property {string} [name]  what others call this peer
 * @property {({track: MediaStreamTrack} & PublishOptions)[]} [tracks]  published with the first offer
 * @property {RTCIceTransportPolicy} [iceTransportPolicy]
 * @property {RTCIceServer[]} [iceServers]  those that the server names unless told
 * @property {TokenSource} [token]  access token, where the server wants one; a function is asked
 *   again whenever a fresh one is needed
 * @property {string} [metadata]  whatever others should know of this peer, up to 4 KiB
 * @property {() => void} [onWaiting]  somebody has to let this client in; connect() goes on waiting
 * @property {AbortSignal} [signal]  gives up connecting
 * @property {boolean} [direct]  whether two peers may connect directly when the room is run so;
 *   true unless told
 * @property {TransportName[]} [transports]  those to use, best first; all unless told
 */

/** Leaving waits no longer than this for the server to say that it knows. */
const LEAVE_MS = 500;
/** How long after the media connection was closed the reason may come over the link. */
const REASON_MS = 1000;
/** How long media may be interrupted before another path is looked for. */
const INTERRUPTED_MS = 1500;

/**
 * Room is this client's part in one room, from connect() until leave() or until
 * the link is lost for good. A connection that breaks is made again, over
 * whichever transport gets through; media goes on meanwhile. Whoever is there when connect() resolves is in `peers`, and
 * what is received of them is told by `media` events right after. Every later
 * change is an event, and none is missed by a handler that is added in the turn
 * in which connect() resolves.
 */
export class Room {
  #name = '';
  /** @type {Peer} */
  #self;
  /** @type {RoomState} */
  #state = 'connecting';
  #joined = false;
  #wasConnected = false;
  /** @type {RoomMessage[]} */
  #history = [];

  /** @type {Events<RoomEvents>} */
  #events = new Events();
  #roster = new Roster();
  #hall = new Hall({
    settings: (settings) => this.#events.fire('room-updated', settings),
    topology: (topology) => this.#events.fire('topology', topology),
    knock: (knock, over) => this.#events.fire('knock', knock, over),
  });
  #link;
  #talk;
  #moderation;
  #media;
  #negotiation;
  #publications;
  #reception;
  #data;
  #direct;
  /** How media flows, until somebody listens. @type {wire.Topology | undefined} */
  #flows;
  /** An offer for a new path is in line. */
  #restarting = false;
  /** Runs while an interruption may pass by itself. @type {ReturnType<typeof setTimeout> | undefined} */
  #doubting;
  /** That there is no path was told, and there has been none since. */
  #unreachable = false;
  /** @type {Promise<void> | null} */
  #leaving = null;
  #stop = new AbortController();

  /**
   * Joins a room.
   *
   * @param {ConnectOptions} options
   * @returns {Promise<Room>} rejects with HirobaError when the server cannot be
   *   reached or does not let this peer in
   */
  static async connect(options) {
    if (!('RTCPeerConnection' in globalThis)) {
      throw new HirobaError('UNSUPPORTED', 'This browser cannot make calls (it has no WebRTC). Use a current browser.');
    }
    /** @type {Link | undefined} */
    let link;
    /** @type {Room | undefined} */
    let room;
    const { url = location.origin, token, transports, signal } = options;
    const abort = () => link?.close(new HirobaError('CLOSED', 'Joining was given up.'));
    try {
      link = await Link.open(url, { token, transports, signal });
      room = new Room(link, options);
      signal?.addEventListener('abort', abort);
      if (signal?.aborted) abort();
      await room.#join(options);
    } catch (error) {
      const reason = asHirobaError(error, 'INTERNAL', `Joining the room failed: ${error}`);
      if (room) room.#end('closed', reason);
      link?.close(reason);
      throw reason;
    } finally {
      signal?.removeEventListener('abort', abort);
    }
    // After the caller's own `await connect(…)` has gone on and added handlers.
    setTimeout(() => room.#listen());
    return room;
  }

  /**
   * Made by connect().
   *
   * @private
   * @param {Link} link
   * @param {ConnectOptions} options
   */
  constructor(link, { name = '', metadata = '', iceServers, iceTransportPolicy = 'all' }) {
    this.#link = link;
    this.#moderation = new Moderation(link);
    this.#talk = new Talk(link, (message) => {
      this.#events.fire('message', message);
      this.#events.fire(`message:${message.topic}`, message);
    });
    this.#media = new Media({ iceServers: iceServers ?? iceServersFor(link.welcome.iceServers, iceTransportPolicy), iceTransportPolicy }, {
      candidate: (candidate) => link.tell({ candidate: { to: 'sfu', ...candidate } }),
      badCandidate: (cause) => this.#fail(new HirobaError('BAD_CANDIDATE',
        'The browser refused an address that the server can be reached at; others may still work.', { cause })),
      state: () => this.#mediaState(),
      interrupted: () => this.#doubt(),
      failed: () => this.#repair(unreachable()),
      dead: () => this.#hungUp(),
    });
    this.#negotiation = new Negotiation(link, this.#media, (error) => this.#end('lost', error));
    this.#publications = new Publications(link, this.#media, this.#negotiation);
    this.#self = { id: '', tracks: this.#publications.byId, quality: GOOD, ...described({ name, metadata }) };
    this.#reception = new Reception(link, this.#media, this.#negotiation, this.#roster, {
      media: (change) => this.#events.fire('media', change),
      error: (error) => this.#fail(error),
    });
    this.#direct = new Direct(link, this.#media, this.#publications, this.#reception, this.#roster, { iceServers, iceTransportPolicy });
    this.#data = new Data(this.#media, {
      data: (data) => this.#events.fire('data', data),
      progress: (progress) => this.#events.fire('data-progress', progress),
      missed: (missed) => this.#events.fire('data-missed', missed),
      failed: (error) => this.#fail(error),
    });
    globalThis.addEventListener('pagehide', () => this.#abandon(), { signal: this.#stop.signal });
  }

  /** The room's name. */
  get name() {
    return this.#name;
  }

  /** This client; its tracks are the publications. */
  get self() {
    return this.#self;
  }

  /** Everybody else, by peer id. */
  get peers() {
    return this.#roster.peers;
  }

  get state() {
    return this.#state;
  }

  /** What carries signaling now; '' while the connection is broken. */
  get transport() {
    return this.#link.transport;
  }

  /** How the room is run. */
  get settings() {
    return this.#hall.settings;
  }

  /** How its media flows. */
  get topology() {
    return this.#hall.topology;
  }

  /** What was said to everybody before this client came, oldest first, as far as the room keeps it. */
  get history() {
    return this.#history;
  }

  /** Who waits to be let in, by peer id; known to moderators. */
  get knocks() {
    return this.#hall.knocks;
  }

  /** What peers with the grant `admin` may do. */
  get moderate() {
    return this.#moderation;
  }

  /** What this client sends, by track id. */
  get publications() {
    return this.#publications.byId;
  }

  /**
   * Calls a function for every event of a name, `message:TOPIC` among them.
   *
   * @template {keyof RoomEvents} Name
   * @param {Name} name
   * @param {(...args: RoomEvents[Name]) => void} handler
   * @returns {() => void} takes the handler away again
   */
  on(name, handler) {
    return this.#events.on(name, handler);
  }

  /**
   * @param {string} trackId
   * @returns {MediaStreamTrack | null} what is received of a track now
   */
  media(trackId) {
    return this.#reception.track(trackId);
  }

  /**
   * Says something to the others over signaling: small, reliable, in order.
   *
   * @param {string} topic  up to 64 bytes; `chat` is what the call page shows
   * @param {unknown} value  a string goes as it is, anything else as JSON
   * @param {EmitOptions} [options]
   * @returns {Promise<void>} resolves when the server took it
   */
  emit(topic, value, options) {
    return this.#talk.emit(topic, value, options);
  }

  /**
   * Asks others something, who answer by answer().
   *
   * @param {string} topic
   * @param {unknown} value
   * @param {EmitOptions} [options]  10 seconds unless told
   * @returns {Promise<any>} of one peer, its answer; of several in `to`, a Map of those that
   *   came in time, by peer id; of everybody, the first answer. Rejects with HirobaError:
   *   TIMEOUT when nobody answered, NO_SUCH_PEER when the one who was asked has left
   */
  ask(topic, value, options) {
    return this.#talk.ask(topic, value, options);
  }

  /**
   * Answers what others ask under a topic; it is no `message` event then. One
   * handler per topic: a later one takes the place.
   *
   * @param {string} topic
   * @param {AnswerHandler} handler
   * @returns {() => void} takes the handler away again
   */
  answer(topic, handler) {
    return this.#talk.answer(topic, handler);
  }

  /**
   * Changes what others know of this peer.
   *
   * @param {string} metadata  up to 4 KiB
   */
  async setMetadata(metadata) {
    await this.#link.request({ metadata: { metadata } });
  }

  /**
   * Goes on with another access token, for applications that gave theirs as a
   * text; see `access-expiring`.
   *
   * @param {string} token
   */
  async authenticate(token) {
    await this.#link.authenticate(token);
  }

  /**
   * Sends a track to the room.
   *
   * @param {MediaStreamTrack} track
   * @param {PublishOptions} [options]
   * @returns {Promise<Publication>}
   */
  publish(track, options = {}) {
    return this.#publications.publish(track, options, this.#self);
  }

  /**
   * Says what is shown, most important first, so that the server sends that and
   * not more. As long as this was never called, everything is wanted. Call it as
   * often as the layout changes.
   *
   * @param {Shown[]} shown
   */
  view(shown) {
    this.#reception.view(shown);
  }

  /**
   * Sends bytes to the others over a DataChannel: up to 16 MiB at once over the
   * reliable one, what fits into 64 KiB with all that belongs to it over the
   * lossy one. Large messages and small ones take turns, so a small one may
   * overtake a large one. Who takes a large one more slowly than others gets
   * the rest of it afterwards; see `data-missed` for who does not.
   *
   * @param {Uint8Array | ArrayBuffer | Blob | string} payload
   * @param {SendOptions} [options]
   * @returns {Promise<void>} resolves when the browser took it, which it does
   *   not while more than 1 MiB is unsent, and a large one when the server has
   *   passed on all of it to everybody who keeps up: await it before the next.
   *   Rejects with HirobaError NOT_RECEIVED when none of those named gets it
   */
  send(payload, options = {}) {
    return this.#data.send(payload, options);
  }

  /** @returns {Promise<RTCStatsReport>} of the PeerConnection to the SFU */
  stats() {
    return this.#media.stats();
  }

  /**
   * Leaves the room. The published MediaStreamTracks go on: they are the
   * application's to stop.
   *
   * @returns {Promise<void>} resolves when all is closed, after half a second at the latest
   */
  leave() {
    this.#leaving ??= this.#leave();
    return this.#leaving;
  }

  get #over() {
    return this.#stop.signal.aborted;
  }

  /** @param {ConnectOptions} options */
  async #join({ room, name = '', metadata = '', tracks = [], direct = true, onWaiting }) {
    await this.#negotiation.run({
      make: async () => {
        for (const { track, ...options } of tracks) {
          await this.#publications.add(track, options, this.#self);
        }
        this.#reception.open();
      },
      say: async (sdp) => {
        const answered = this.#link.request({
          join: { room, name, metadata, direct, offer: { to: 'sfu', type: 'OFFER', sdp }, tracks: this.#publications.offers() },
        }, { onWaiting });
        this.#media.trickle();
        const { joined = {} } = await answered;
        this.#enter(joined);
        return joined.answer?.sdp ?? '';
      },
    });
    this.#joined = true;
    this.#judge();
  }

  /** @param {wire.Joined} joined */
  #enter(joined) {
    this.#name = joined.room ?? '';
    this.#roster.reset(joined);
    this.#publications.named(joined.tracks);
    this.#self.id = joined.peer ?? '';
    if (joined.self) describe(this.#self, joined.self);
    this.#hall.reset(joined);
    this.#history = this.#talk.before(joined.history);
    this.#flows = joined.topology;
  }

  /**
   * Messages were lost: becomes what the room is now.
   *
   * @param {wire.Joined} joined
   */
  #catchUp(joined) {
    this.#follow(this.#roster.catchUp(joined));
    if (joined.self) this.#own({ peerUpdated: { peer: joined.self } });
    for (const id of [...this.publications.keys()]) {
      const track = joined.tracks?.find((still) => still.id === id);
      this.#own(track ? { trackUpdated: { peer: this.#self.id, track } } : { trackRemoved: { peer: this.#self.id, track: id } });
    }
    this.#publications.wantAll();
    this.#hall.catchUp(joined);
    this.#talk.catchUp(joined.history ?? [], this.#self.id);
    this.#direct.follow(joined.topology ?? {});
  }

  #listen() {
    this.#direct.follow(this.#flows);
    this.#link.listen({
      message: (message) => this.#handle(message),
      // What the server does once it was told of the leaving is no loss.
      ended: (error) => this.#end(error.retry && !this.#leaving ? 'lost' : 'closed', this.#leaving ? undefined : error),
      away: (how) => {
        this.#judge();
        this.#events.fire('reconnecting', how);
      },
      attached: (transport) => {
        this.#judge();
        // Signaling is back and media is not: this is another network.
        if (this.#media.interrupted) this.#repair(unreachable());
        this.#events.fire('transport', transport);
      },
      failed: (error) => this.#fail(error),
    });
    // The link may have been lost since joining.
    this.#judge();
    this.#reception.grow();
  }

  /** @param {wire.ServerMessage} message  one that answers nothing */
  #handle(message) {
    if (this.#over) return;
    const { slots, speakers, description, candidate, error, joined, accessExpiring, topology, trackDemand } = message;
    if (topology) this.#direct.follow(topology);
    if (slots) this.#reception.fill(slots);
    else if (speakers) this.#events.fire('speakers', speakers.peers ?? []);
    else if (message.quality) this.#assess(message.quality);
    else if (message.message) this.#talk.hear(message.message);
    else if (candidate) this.#signalled({ from: candidate.from ?? '', candidate });
    else if (description) this.#signalled({ from: description.from ?? '', description });
    else if (error) this.#refused(serverError(error));
    else if (joined?.snapshot) this.#catchUp(joined);
    else if (trackDemand) this.#demanded(trackDemand);
    else if (accessExpiring) this.#events.fire('access-expiring', Number(accessExpiring.expiresMs ?? 0));
    else if (!this.#hall.apply(message) && !this.#own(message)) this.#follow(this.#roster.apply(message));
  }

  /** @param {wire.TrackDemand} demand */
  #demanded(demand) {
    const publication = this.#publications.want(demand);
    if (publication) this.#events.fire('demand', publication);
  }

  /** @param {wire.Quality} quality */
  #assess(quality) {
    for (const peer of assess([this.#self, ...this.peers.values()], quality)) this.#events.fire('quality', peer);
  }

  /** @param {Iterable<RosterChange>} changes */
  #follow(changes) {
    for (const change of changes) {
      const [name, ...args] = change;
      this.#events.fire(name, .../** @type {any} */ (args));
      if (name === 'track-published') this.#reception.published(change[1]);
      if (name === 'track-updated') this.#reception.refresh(change[1].id);
      if (name === 'peer-left') this.#talk.left(change[1].id);
    }
  }

  /**
   * What the server, usually for a moderator, has done to this client itself.
   *
   * @param {wire.ServerMessage} message
   * @returns {boolean} whether it was about this client
   */
  #own({ peerUpdated, trackUpdated, trackRemoved }) {
    const self = this.#self;
    const about = peerUpdated?.peer?.id ?? trackUpdated?.peer ?? trackRemoved?.peer;
    if (!about || about !== self.id) return false;
    if (peerUpdated?.peer && describe(self, peerUpdated.peer)) this.#events.fire('peer-updated', self);
    const publication = this.publications.get(trackUpdated?.track?.id ?? trackRemoved?.track ?? '');
    if (publication && trackUpdated?.track?.muted && !publication.muted) {
      publication.mutedByServer();
      this.#events.fire('track-updated', publication, self);
    } else if (publication && trackRemoved) {
      // It is over for the others; what is left to do is to send no more of it.
      publication.stop().catch((error) => {
        // Who may publish nothing any more need not say so.
        if (error.code !== 'NOT_GRANTED') this.#fail(error);
      });
      this.#events.fire('track-removed', publication, self);
    }
    return true;
  }

  /** @param {PeerSignal} signal */
  #signalled(signal) {
    if (signal.from !== 'sfu') {
      if (!this.#direct.take(signal)) this.#events.fire('signal', signal);
    } else if (signal.candidate) {
      this.#media.addCandidate(signal.candidate);
    }
  }

  /** @param {HirobaError} error  that answers nothing */
  #refused(error) {
    if (error.code === 'MEDIA_LOST') this.#repair(error);
    else this.#fail(error);
  }

  #mediaState() {
    if (this.#media.state === 'connected') this.#unreachable = false;
    this.#judge();
  }

  /** Finds out which state this is. */
  #judge() {
    if (this.#over) return;
    const connected = this.#joined && this.#media.state === 'connected' && this.#link.transport !== '';
    this.#wasConnected ||= connected;
    if (connected) this.#enterState('connected');
    else this.#enterState(this.#wasConnected ? 'reconnecting' : 'connecting');
  }

  /**
   * Nothing is heard from the SFU. The browser would wait for a quarter of a
   * minute before it calls that a failure; a network that has changed does not
   * come back by waiting.
   */
  #doubt() {
    clearTimeout(this.#doubting);
    this.#doubting = setTimeout(() => {
      if (this.#media.interrupted) this.#repair(unreachable());
    }, INTERRUPTED_MS);
  }

  /**
   * Looks for a new path to the SFU.
   *
   * @param {HirobaError} error  why; told once, however often it is tried
   */
  #repair(error) {
    if (this.#over || this.#restarting || !this.#joined) return;
    this.#restarting = true;
    if (!this.#unreachable) this.#fail(error);
    this.#unreachable = true;
    this.#negotiation.run({ make: () => this.#media.restart() })
      .catch((refused) => this.#fail(refused))
      .finally(() => {
        this.#restarting = false;
      });
  }

  /** The server has closed the media connection; the link may be about to say why. */
  #hungUp() {
    const timer = setTimeout(() => this.#end('lost', new HirobaError('MEDIA_LOST',
      'The server has ended the media connection. Join again.', { retry: true })), REASON_MS);
    this.#stop.signal.addEventListener('abort', () => clearTimeout(timer));
  }

  /** @param {HirobaError} error */
  #fail(error) {
    if (!this.#over) this.#events.fire('error', error);
  }

  async #leave() {
    if (this.#over) return;
    const timer = setTimeout(() => this.#end('closed'), LEAVE_MS);
    // Done or not: the end of the link settles it, too.
    await this.#link.request({ leave: {} }).catch(() => {});
    clearTimeout(timer);
    this.#end('closed');
  }

  /** The page goes away: there is no time to wait for anything. */
  #abandon() {
    this.#end('closed');
  }

  /**
   * The one way to the end: everything is closed here.
   *
   * @param {'lost' | 'closed'} state
   * @param {HirobaError} [error]  left out when this client wanted it
   */
  #end(state, error) {
    if (this.#over) return;
    this.#stop.abort();
    clearTimeout(this.#doubting);
    const reason = error ?? new HirobaError('CLOSED', 'The room was left.');
    this.#negotiation.end(reason);
    this.#talk.end(reason);
    this.#link.close(reason);
    this.#reception.stop();
    this.#data.close();
    this.#direct.close();
    this.#media.close();
    this.#enterState(state, error);
  }

  /**
   * @param {RoomState} state
   * @param {HirobaError} [error]
   */
  #enterState(state, error) {
    if (this.#state === state) return;
    this.#state = state;
    this.#events.fire('state', state, error);
  }
}

const unreachable = () => new HirobaError('MEDIA_UNREACHABLE',
  'Sound and picture do not get through to the server; trying again. If this lasts, the network blocks calls.',
  { retry: true });
